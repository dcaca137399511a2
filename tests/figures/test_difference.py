from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.figures.difference.draw import COLUMNS, DRAWN
from essential_sparsity.figures.difference.draw import select as select_difference
from essential_sparsity.figures.kinds import FIGURE_KINDS
from essential_sparsity.support.errors import UserError

from .conftest import TASKS, drawing_of
from .overlap import drawn_texts, overlaps

draw_difference = drawing_of("difference")

SPEC = FigureSpec(
    models={"bert": "BERT-base", "vit": "ViT-base"},
    tasks={"topic": "Topic", "rte": "Recognising Textual Entailment"},
)
GRID = (0.1, 0.3, 0.5, 0.7, 0.9)
TICKET = ("ticket-global", "ticket, global")
STEPS = ("ticket-global-step0.30", "ticket, global, steps of 30 %")
BASELINE = {"baseline": "magnitude-global", "baseline_label": "magnitude, global"}


def make_tables(
    models: tuple[str, ...] = ("bert", "vit"),
    tasks: int = 2,
    families: tuple[tuple[str, str], ...] = (TICKET,),
    grid: tuple[float, ...] = GRID,
    seeds: int = 3,
    metrics: tuple[str, ...] = ("accuracy",),
    constant: float = 50.0,
) -> dict[str, pa.Table]:
    """Return `runs` and `difference`: tickets win more the sparser they are, seeds ± 1 apart."""
    runs: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for t, task in enumerate(TASKS[:tasks]):
        for m, model in enumerate(models):
            place = {"model": model, "task": task}
            metric = metrics[t % len(metrics)]
            common = {**place, "metric": metric, "control_of": None}

            def add(mask: str, score: float, common: dict[str, Any] = common) -> None:
                for seed in range(1, seeds + 1):
                    luck = 5.0 * seed  # of a seed, whatever the mask
                    runs.append({**common, "mask": mask, "seed": seed, "score": score + luck})

            add("dense", 70.0 + t)
            for s in grid:
                add(f"magnitude-global-s{s}", 60.0 - 20 * s)
            for f, (family, label) in enumerate(families):
                for s in grid:
                    mask, gain = f"{family}-s{s}", -1 + 9 * s**2 - 2 * m + 3 * f + t
                    add(mask, 60.0 - 20 * s + gain)
                    for run in runs[-seeds:]:
                        run["score"] += run["seed"] - (seeds + 1) / 2
                    rows.append(
                        {**place, "mask": mask, "family": family, "label": label, **BASELINE,
                         "baseline_mask": f"magnitude-global-s{s}", "sparsity": s,
                         "score": 60.0 - 20 * s + gain, "baseline_score": 60.0 - 20 * s,
                         "difference": gain, "difference_low": gain - 2 - s,
                         "difference_high": gain + 1.5 + s, "confidence": 0.95,
                         "dense_low": 79.0 + t, "constant": constant}
                    )  # fmt: skip
    return {"runs": pa.Table.from_pylist(runs), "difference": pa.Table.from_pylist(rows)}


def panels(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_label() == "differences"]


def lines(axes: Axes, label: str) -> list[Any]:
    return [line for line in axes.lines if line.get_label() == label]


def words(figure: Figure) -> str:
    texts = (text for text, _ in drawn_texts(figure))
    return " | ".join(texts).replace("\N{NO-BREAK SPACE}", " ").replace("\n", " ")


def rows_of(table: pa.Table, **values: Any) -> list[dict[str, Any]]:
    return [row for row in table.to_pylist() if values.items() <= row.items()]


def test_the_registry_names_this_stage_and_its_tables() -> None:
    kind = FIGURE_KINDS["difference"]
    assert (kind.drawing, set(kind.tables)) == (select_difference.__module__, {*COLUMNS, "cost"})


def test_curves_bands_and_seeds_are_the_data_written() -> None:
    tables = make_tables()
    figure, data = draw_difference(tables, SPEC), select_difference(tables, SPEC)
    assert data.schema == DRAWN
    for axes, task in zip(panels(figure), ("topic", "pair"), strict=True):
        for i, model in enumerate(("bert", "vit")):
            for element in ("mean", "seed"):
                rows = rows_of(data, element=element, task=task, model=model)
                assert len(rows) == (5 if element == "mean" else 15)
                line = lines(axes, element)[i]
                np.testing.assert_array_equal(line.get_xdata(), [r["sparsity"] for r in rows])
                np.testing.assert_array_equal(line.get_ydata(), [r["difference"] for r in rows])
            means = rows_of(data, element="mean", task=task, model=model)
            band = [c for c in axes.collections if c.get_label() == "band"][i]
            corners = {tuple(corner) for corner in band.get_paths()[0].vertices}
            ends = ("difference_low", "difference_high")
            assert {(r["sparsity"], r[end]) for r in means for end in ends} <= corners
    drawn = {(r["model"], r["task"], r["sparsity"]): r["difference"]
             for r in rows_of(data, element="mean")}  # fmt: skip
    assert drawn == {(r["model"], r["task"], r["sparsity"]): r["difference"]
                     for r in tables["difference"].to_pylist()}  # fmt: skip


def test_a_seeds_difference_is_from_the_baseline_of_its_own_seed() -> None:
    """Seeds of different luck, 5 points each, and of different gains, 1 point each."""
    data = select_difference(make_tables(("bert",), 1, grid=(0.5,)), SPEC)
    found = [(row["seed"], row["difference"]) for row in rows_of(data, element="seed")]
    assert found == [(1, 0.25), (2, 1.25), (3, 2.25)]


def test_zero_is_a_line_that_is_in_sight() -> None:
    tables = make_tables(("bert",), 1, grid=(0.7, 0.9))  # all of it above zero
    (axes,) = panels(draw_difference(tables, SPEC))
    (zero,) = lines(axes, "zero")
    assert list(zero.get_ydata()) == [0, 0]
    bottom, top = axes.get_ylim()
    assert bottom < 0 < max(tables["difference"]["difference_high"].to_pylist()) < top


def test_the_figure_says_who_is_better_above_zero() -> None:
    found = words(draw_difference(make_tables(), SPEC))
    assert "“ticket, global” minus “magnitude, global”: above 0, the former is better." in found
    found = words(draw_difference(make_tables(families=(TICKET, STEPS)), SPEC))
    assert (
        "Each minus “magnitude, global” of the same sparsity: above 0, better than that." in found
    )
    assert "ticket, global | ticket, global, steps of 30 %" in found


def test_titles_axes_and_legend_say_what_is_seen() -> None:
    found = words(draw_difference(make_tables(("bert",), 2), SPEC)).split(" | ")
    assert found.count("Difference in accuracy (points)") == 1
    assert found.count("Sparsity (% of prunable weights)") == 2
    # The seeds' luck is 10 points on average.
    expected = {"Topic (dense 80.0 %)", "pair (dense 81.0 %)", "BERT-base", "95 % interval"}
    assert expected | {"single seeds"} <= set(found)


def test_a_task_that_is_not_learnt_is_marked() -> None:
    found = words(draw_difference(make_tables(("bert",), 2, constant=79.5), SPEC)).split(" | ")
    assert {"Topic (dense 80.0 %, not learnt)", "pair (dense 81.0 %)"} <= set(found)


def test_of_several_metrics_none_is_named() -> None:
    found = words(draw_difference(make_tables(metrics=("accuracy", "matthews")), SPEC))
    assert "Score difference (points)" in found


def test_models_differ_by_colour_and_families_by_line() -> None:
    (axes,) = panels(draw_difference(make_tables(tasks=1, families=(TICKET, STEPS)), SPEC))
    looks = [(line.get_color(), line.get_linestyle()) for line in lines(axes, "mean")]
    assert len(set(looks)) == 4
    assert len({colour for colour, _ in looks}) == len({line for _, line in looks}) == 2


def test_a_lone_seed_is_not_drawn_twice() -> None:
    figure = draw_difference(make_tables(seeds=1), SPEC)
    assert not any(len(line.get_xdata()) for line in lines(panels(figure)[0], "seed"))
    assert "single seeds" not in words(figure)


def test_a_single_sparsity_has_an_interval_that_is_seen() -> None:
    (axes,) = panels(draw_difference(make_tables(("bert",), 1, grid=(0.5,)), SPEC))
    (band,) = [c for c in axes.collections if c.get_label() == "lone band"]
    box = band.get_paths()[0].get_extents()
    assert (box.y0, box.y1) == (1.25 - 2.5, 1.25 + 2.0)
    left, right = axes.get_xlim()
    assert left < box.x0 < 0.5 < box.x1 < right


def test_tasks_may_have_seeds_of_their_own() -> None:
    few, many = make_tables(("bert",), 1, seeds=2), make_tables(("bert",), 2, seeds=4)
    runs = [run for run in many["runs"].to_pylist() if run["task"] == "pair"]
    runs = pa.Table.from_pylist([*few["runs"].to_pylist(), *runs])
    data = select_difference({**many, "runs": runs}, SPEC)
    seeds = {task: {r["seed"] for r in rows_of(data, element="seed", task=task)}
             for task in ("topic", "pair")}  # fmt: skip
    assert seeds == {"topic": {1, 2}, "pair": {1, 2, 3, 4}}


def test_a_run_without_its_partner_is_named() -> None:
    tables = make_tables(("bert",), 1)
    runs = [
        run
        for run in tables["runs"].to_pylist()
        if (run["mask"], run["seed"]) != ("magnitude-global-s0.5", 2)
    ]
    message = "runs.parquet: no run of topic, bert, magnitude-global-s0.5, seed 2 to pair another"
    with pytest.raises(UserError, match=message):
        select_difference({**tables, "runs": pa.Table.from_pylist(runs)}, SPEC)


def test_an_unknown_metric_is_named() -> None:
    message = r"runs\.parquet: metric: unknown metric 'acuracy'; did you mean 'accuracy'"
    with pytest.raises(UserError, match=message):
        draw_difference(make_tables(metrics=("acuracy",)), SPEC)


@pytest.mark.parametrize(
    ("tasks", "models", "families"),
    [
        (1, ("bert",), (TICKET,)),
        (1, ("bert", "vit"), (TICKET, STEPS)),
        (3, ("bert",), (STEPS,)),
        (4, ("bert", "vit"), (TICKET, STEPS)),
    ],
)
def test_no_text_covers_another_or_leaves_the_page(
    tasks: int, models: tuple[str, ...], families: tuple[tuple[str, str], ...]
) -> None:
    figure = draw_difference(make_tables(models, tasks, families), SPEC)
    assert overlaps(figure) == []
    assert len(panels(figure)) == tasks
    assert figure.get_figwidth() == (3.3 if tasks == 1 else 6.9)
