"""Which rows a study gets: the paper's setting, a part of it, own models, or nothing at all."""

from pathlib import Path
from typing import Any

import pytest

from claims_tables import QUICK, Tables, claim, curve
from essential_sparsity.support.errors import UserError

FREE = {"kind": "essential-within", "low": 0.3}
BERT = {"models": ["bert-base"], "tasks": ["rte", "sst2"]}


def good(model: str, task: str, **more: Any) -> dict[str, Any]:
    return curve(model, task, "50", "45", "55", **{"certified": 0.4, **more})


def bad(model: str, task: str, **more: Any) -> dict[str, Any]:
    return curve(model, task, "15", "12", "18", **more)


def test_the_papers_setting_has_one_row(tables: Tables) -> None:
    tables.write("essential", [good("bert-base", "rte"), good("bert-base", "sst2")])
    (row,) = tables.judge(claim(FREE, every=BERT))
    assert row["verdict"] == "holds"
    assert not row["own"]
    assert row["statement"] == "The paper's models do."
    assert (row["claim"], row["paper"], row["paper_value"]) == ("c", "Figure 0", "yes")
    assert (row["measured"], row["low"], row["high"], row["unit"]) == pytest.approx(
        (50, 45, 55, "%")
    )
    assert row["experiments"] == ["one"]
    assert (row["models"], row["tasks"]) == (["bert-base"], ["rte", "sst2"])


def test_a_part_of_the_papers_setting_can_refute_but_not_bear_out(tables: Tables) -> None:
    tables.write("essential", [good("bert-base", "rte")])
    (row,) = tables.judge(claim(FREE, every=BERT))
    assert row["verdict"] == "not resolved"
    assert row["reason"].startswith("a part only; not run: bert-base on sst2; so far: ")
    tables.write("essential", [bad("bert-base", "rte")])
    (row,) = tables.judge(claim(FREE, every=BERT))
    assert row["verdict"] == "does not"
    assert row["reason"].endswith("; not run: bert-base on sst2")


def test_a_part_decides_nothing_where_groups_are_compared(tables: Tables) -> None:
    rows = [
        {"model": m, "level": "model", "relative": False, "threshold": 0.1, "share": share}
        for m, share in (("dino-base", 0.1), ("vit-base", 0.2))
    ]
    tables.write("near_zero", rows)
    second = {"models": ["vit-base", "small-vit"]}
    entry = claim({"kind": "zero-share"}, first={"models": ["dino-base"]}, second=second)
    (row,) = tables.judge(entry)
    assert row["verdict"] == "not resolved"
    assert row["reason"].startswith("a part only; not run: small-vit; so far: ")
    both = claim(
        {"kind": "zero-share"}, first={"models": ["dino-base"]}, second={"models": ["vit-base"]}
    )
    assert tables.judge(both)[0]["verdict"] == "does not"


def test_own_models_never_look_like_a_verdict_on_the_paper(tables: Tables) -> None:
    tables.write("essential", [good("small-bert", "topic")])
    absent, own = tables.judge(claim(FREE, every=BERT))
    assert (absent["verdict"], absent["own"], absent["measured"]) == ("not run", False, None)
    assert absent["reason"] == (
        "needs an experiment of figure 'drop' or 'pattern' with bert-base on rte, sst2 by recipe "
        "'paper', as in studies/paper.yaml"
    )
    assert (absent["models"], absent["experiments"]) == ([], [])
    assert (own["verdict"], own["own"]) == ("holds", True)
    assert own["statement"] == "Models do. (own models: Small-Bert on Topic)"
    assert (own["models"], own["tasks"]) == (["small-bert"], ["topic"])


def test_the_papers_model_by_another_recipe_is_an_own_model(tables: Tables) -> None:
    tables.write("essential", [good("bert-base", task, recipe=QUICK) for task in ("rte", "sst2")])
    absent, own = tables.judge(claim(FREE, every=BERT))
    assert absent["verdict"] == "not run"
    assert own["own"] and own["models"] == ["bert-base"]


def test_own_models_are_not_asked_where_the_papers_were_run(tables: Tables) -> None:
    rows = [good("bert-base", "rte"), good("bert-base", "sst2"), bad("small-bert", "rte")]
    tables.write("essential", rows)
    (row,) = tables.judge(claim(FREE, every=BERT))
    assert (row["verdict"], row["models"]) == ("holds", ["bert-base"])


def test_a_claim_extends_to_its_like_alone(tables: Tables) -> None:
    tables.write("essential", [good("small-bert", "topic"), bad("small-vit", "topic")])
    _, own = tables.judge(claim(FREE, every={**BERT, "like": ["language"]}))
    assert (own["verdict"], own["models"]) == ("holds", ["small-bert"])
    assert tables.judge(claim(FREE, every={**BERT, "like": ["language", "decoder"]})) == []


def test_nothing_to_say_is_no_row(tables: Tables) -> None:
    tables.write("essential", [good("small-bert", "topic", criterion="random")])
    assert tables.judge(claim(FREE, every=BERT)) == []
    tables.write("essential", [good("a-random-start", "topic")])
    assert tables.judge(claim(FREE, every=BERT)) == []


RTE = {**BERT, "tasks": ["rte"]}


def test_only_the_studys_tolerance_counts(tables: Tables) -> None:
    others = [
        bad("bert-base", "rte", epsilon=0.5, main=False),
        bad("bert-base", "rte", relative=True, main=False),
    ]
    tables.write("essential", [*others, good("bert-base", "rte")])
    (row,) = tables.judge(claim(FREE, every=RTE))
    assert (row["verdict"], row["epsilon"]) == ("holds", 1)


def test_a_search_at_another_tolerance_speaks_at_the_studys(tables: Tables) -> None:
    """Its `main` row is at the ε that it searches for: a claim must not hold by that."""
    searched = [
        good("bert-base", "rte", epsilon=5.0),
        bad("bert-base", "rte", main=False),
    ]
    tables.write("essential", searched, experiment="search")
    (row,) = tables.judge(claim(FREE, every=RTE))
    assert (row["verdict"], row["measured"]) == ("does not", pytest.approx(15))
    tables.write("essential", searched[:1], experiment="search")
    assert tables.judge(claim(FREE, every=RTE)) == []


def test_an_experiment_about_the_studys_tolerance_counts_before_one_that_searches_another(
    tables: Tables,
) -> None:
    tables.write("essential", [good("bert-base", "rte", seeds=3)], experiment="grid")
    tables.write("essential", [bad("bert-base", "rte", seeds=7, main=False)], experiment="search")
    (row,) = tables.judge(claim(FREE, every=RTE))
    assert (row["verdict"], row["experiments"]) == ("holds", ["grid"])


def test_the_order_of_experiments_decides_nothing(tables: Tables) -> None:
    tables.write("essential", [bad("bert-base", "rte")], experiment="b")
    tables.write("essential", [good("bert-base", "rte")], experiment="a")
    (row,) = tables.judge(claim(FREE, every=RTE))
    tables.experiments = dict(reversed(list(tables.experiments.items())))
    assert tables.judge(claim(FREE, every=RTE)) == [row]
    assert row["experiments"] == ["a"]


def test_of_a_curve_in_two_experiments_the_one_of_most_seeds_counts_once(tables: Tables) -> None:
    tables.write("essential", [bad("bert-base", "rte", seeds=2)], experiment="coarse")
    tables.write("essential", [good("bert-base", "rte", seeds=5)], experiment="fine")
    (row,) = tables.judge(claim(FREE, every={**BERT, "tasks": ["rte"]}))
    assert (row["verdict"], row["experiments"]) == ("holds", ["fine"])


def test_a_task_that_is_not_learnt_decides_nothing(tables: Tables) -> None:
    rows = [good("bert-base", "sst2"), bad("bert-base", "rte", dense_low=49.0)]
    tables.write("essential", rows)
    (row,) = tables.judge(claim(FREE, every=BERT))
    assert row["verdict"] == "not resolved"
    assert "Bert-Base on RTE: its drops mean nothing" in row["reason"]


def test_a_damaged_table_is_named(tables: Tables, tmp_path: Path) -> None:
    tables.write("essential", [good("bert-base", "rte")])
    (tmp_path / "one" / "essential.parquet").write_bytes(b"no parquet")
    with pytest.raises(UserError, match=r"one/essential\.parquet: not a readable Parquet file"):
        tables.judge(claim(FREE, every=BERT))


def test_a_table_that_lacks_a_column_is_named(tables: Tables) -> None:
    row = good("bert-base", "rte")
    del row["certified"]
    tables.write("essential", [row])
    with pytest.raises(UserError, match=r"essential\.parquet: lacks the column\(s\) certified"):
        tables.judge(claim(FREE, every=BERT))
