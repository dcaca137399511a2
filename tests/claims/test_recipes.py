"""Own models that several recipes have fine-tuned: what one has found says nothing of another."""

from collections.abc import Callable
from typing import Any

import pytest

from claims_tables import Row, Tables, claim, curve
from essential_sparsity.claims.check import Evidence, StudyFacts

NAMED = {f"quick-{number}": "quick" for number in range(1, 5)}
EVIDENCE = Evidence({}, StudyFacts(experiments={}, models={}, named=NAMED))
QUICK, LONG = "quick-11111111", "long-22222222"
ANY = {"models": ["bert-base"], "tasks": ["rte"]}
LANGUAGE = {**ANY, "like": ["language"]}
FIRST, SECOND = {**ANY, "like": ["self-supervised"]}, {**ANY, "like": ["supervised"]}

_MASKS = {"family": "magnitude-global", "criterion": "magnitude", "scope": "global", "seeds": 3}


def essential(model: str, task: str, recipe: str, value: float) -> Row:
    points = (f"{value}", f"{value - 2}", f"{value + 2}")
    return curve(model, task, *points, recipe=recipe)


def drop(recipe: str, sparsity: float, value: float) -> Row:
    return {
        "model": "small-bert", "task": "topic", "recipe": recipe, **_MASKS, "sparsity": sparsity,
        "mask": f"s{sparsity}", "drop": value, "drop_low": value - 0.5, "drop_high": value + 0.5,
        "score_low": 80.0, "constant": 50.0,
    }  # fmt: skip


def difference(recipe: str, value: float) -> Row:
    return {
        "model": "small-bert", "task": "topic", "recipe": recipe, **_MASKS, "sparsity": 0.6,
        "family": "ticket-global", "criterion": "ticket", "mask": "t0.6",
        "baseline": "magnitude-global", "difference": value, "difference_low": value - 0.5,
        "difference_high": value + 0.5, "dense_low": 80.0, "constant": 50.0,
    }  # fmt: skip


def sharpness(model: str, task: str, recipe: str, ratio: float) -> Row:
    return {
        "model": model, "task": task, "recipe": recipe, **_MASKS, "slope_after": 5.0,
        "slope_ratio": ratio, "slope_ratio_low": ratio / 1.1, "slope_ratio_high": ratio * 1.1,
    }  # fmt: skip


def write(tables: Tables, table: str, quick: list[Row], long: list[Row]) -> None:
    tables.write(table, quick, experiment="a")
    tables.write(table, long, experiment="b")


def of_drops(tables: Tables) -> dict[str, Any]:
    write(
        tables, "drop",
        [drop(QUICK, s, 0.0) for s in (0.0, 0.2, 0.3)],
        [drop(LONG, 0.0, 0.0), drop(LONG, 0.2, 10.0), drop(LONG, 0.3, 12.0)],
    )  # fmt: skip
    return claim({"kind": "drop-within", "sparsity": 0.215}, every=LANGUAGE)


def of_differences(tables: Tables) -> dict[str, Any]:
    write(tables, "difference", [difference(QUICK, 20.0)], [difference(LONG, -3.0)])
    test = {
        "kind": "difference-within", "criterion": "ticket", "above": 0.5, "low": 0, "of": "means",
    }  # fmt: skip
    return claim(test, every=LANGUAGE)


def of_spreads(tables: Tables) -> dict[str, Any]:
    """By the quick recipe tasks differ, by the long one models do."""
    models = (("small-bert", 0), ("opt-125m", 40))
    write(
        tables, "essential",
        [essential(m, t, QUICK, v) for m, _ in models for t, v in (("topic", 20), ("sst2", 70))],
        [essential(m, t, LONG, v + d) for m, d in models for t, v in (("topic", 20), ("sst2", 21))],
    )  # fmt: skip
    return claim({"kind": "spread"}, every=LANGUAGE)


def of_sharpness(tables: Tables) -> dict[str, Any]:
    """The long recipe refutes what the quick one bears out; together they would tell nothing."""
    for experiment, recipe, ratios in (("a", QUICK, (50, 2)), ("b", LONG, (2, 50))):
        models = (("small-vit", "cifar"), ("small-bert", "topic"))
        rows = [sharpness(*who, recipe, r) for who, r in zip(models, ratios, strict=True)]
        tables.write("sharpness", rows, experiment)
        last = {"sparsity": 0.9, "drop_low": 10.0}
        of_curve = ("model", "task", "recipe", "family")
        tables.write("drop", [{**{k: r[k] for k in of_curve}, **last} for r in rows], experiment)
    vision = {"models": ["vit-base"], "tasks": ["rte"], "like": ["vision"]}
    return claim({"kind": "sharper"}, first=vision, second=LANGUAGE)


@pytest.mark.parametrize("of", [of_drops, of_differences, of_spreads, of_sharpness])
def test_one_recipe_refutes_and_the_order_of_experiments_makes_no_difference(
    tables: Tables, of: Callable[[Tables], dict[str, Any]]
) -> None:
    entry = of(tables)
    _, own = tables.judge(entry)
    assert own["own"] and own["verdict"] == "does not"
    assert "long" in own["reason"]
    tables.experiments = dict(reversed(list(tables.experiments.items())))
    _, swapped = tables.judge(entry)
    shown = ("verdict", "measured", "low", "high")
    assert [swapped[key] for key in shown] == [own[key] for key in shown]
    # By one recipe alone there is nothing else to tell.
    tables.experiments = {"a": tables.experiments["a"]}
    _, quick = tables.judge(entry)
    assert quick["verdict"] in ("holds", "not resolved")
    assert "quick" not in quick["reason"]


def test_models_are_compared_by_one_recipe_at_a_time(tables: Tables) -> None:
    """The one by the long recipe lies beyond the other by the quick one: that is the recipe's."""
    write(
        tables, "essential",
        [essential("dino-base", "topic", QUICK, 20), essential("small-vit", "topic", QUICK, 10)],
        [essential("dino-base", "topic", LONG, 60), essential("small-vit", "topic", LONG, 50)],
    )  # fmt: skip
    entry = claim({"kind": "essential-order"}, first=FIRST, second=SECOND)
    _, own = tables.judge(entry)
    assert (own["verdict"], own["measured"]) == ("holds", pytest.approx(10))
    assert own["reason"].startswith("in all 2 cases; ")
    write(
        tables, "essential",
        [essential("dino-base", "topic", LONG, 60)], [essential("small-vit", "topic", QUICK, 10)],
    )  # fmt: skip
    assert tables.judge(entry) == []


def test_two_recipes_of_one_name_bear_their_digests(tables: Tables) -> None:
    changed = "quick-33333333"
    unchanged = [drop(QUICK, 0.0, 0.0), drop(QUICK, 0.215, 0.0)]
    write(tables, "drop", unchanged, [drop(changed, 0.0, 0.0), drop(changed, 0.215, 10.0)])
    entry = claim({"kind": "drop-within", "sparsity": 0.215}, every=LANGUAGE)
    assert f"({changed})" in tables.judge(entry)[1]["reason"]


def test_a_recipe_is_told_by_its_name_and_where_that_is_changed_by_the_experiment() -> None:
    def rows(experiment: str, *recipes: str) -> list[Row]:
        return [
            {"model": "m", "task": f"t{k}", "family": "f", "recipe": r, "experiment": experiment}
            for k, r in enumerate(recipes)
        ]

    # Its settings differ from task to task, and so does its digest.
    assert list(EVIDENCE.by_recipe(rows("a", "quick-1", "quick-2"))) == ["quick"]
    both = EVIDENCE.by_recipe([*rows("a", "quick-1", "quick-2"), *rows("b", "quick-3", "quick-4")])
    assert {name: [r["recipe"] for r in found] for name, found in both.items()} == {
        "quick, a": ["quick-1", "quick-2"], "quick, b": ["quick-3", "quick-4"],
    }  # fmt: skip
