from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from essential_sparsity.drawing import style
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.figures.drop.draw import COLUMNS
from essential_sparsity.figures.drop.draw import select as select_drop
from essential_sparsity.figures.kinds import FIGURE_KINDS
from essential_sparsity.support.errors import UserError

from .conftest import drawing_of
from .overlap import drawn_texts, overlaps

draw_drop = drawing_of("drop")

MakeTables = Callable[..., dict[str, pa.Table]]

SPEC = FigureSpec(
    models={"bert": "BERT-base", "opt": "OPT-125M", "opt2": "OPT-350M", "vit": "OPT-1.3B"},
    tasks={"topic": "Topic", "rte": "Recognising Textual Entailment"},
)
MODELS = ("bert", "opt", "opt2", "vit")
TRIO = ("accuracy", "f1", "matthews")
ABOVE = {"estimate": 0.9, "estimate_censored": "above", "high": 0.9, "high_censored": "above"}
BELOW = {"estimate": 0.2, "estimate_censored": "below", "low": 0.2, "low_censored": "below"}


def panels(figure: Figure, label: str) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_label() == label]


def lines(axes: Axes, label: str) -> list[Any]:
    return [line for line in axes.lines if line.get_label() == label]


def words(figure: Figure) -> list[str]:
    return [text.replace("\N{NO-BREAK SPACE}", " ") for text, _ in drawn_texts(figure)]


def rows_of(table: pa.Table, **values: Any) -> list[dict[str, Any]]:
    return [row for row in table.to_pylist() if values.items() <= row.items()]


def test_the_registry_names_this_stage_and_its_tables() -> None:
    kind = FIGURE_KINDS["drop"]
    assert (kind.drawing, set(kind.tables)) == (select_drop.__module__, {*COLUMNS, "sharpness"})


def test_curves_seeds_and_bands_are_the_data_written(drop_tables: MakeTables) -> None:
    tables = drop_tables(models=("bert", "opt"), tasks=2, seeds=3)
    figure, data = draw_drop(tables, SPEC), select_drop(tables, SPEC)
    for axes, task in zip(panels(figure, "curves"), ("topic", "pair"), strict=True):
        for i, model in enumerate(("bert", "opt")):
            for element in ("mean", "seed"):
                rows = rows_of(data, element=element, task=task, model=model)
                line = lines(axes, element)[i]
                np.testing.assert_array_equal(line.get_xdata(), [r["sparsity"] for r in rows])
                np.testing.assert_array_equal(line.get_ydata(), [r["drop"] for r in rows])
            means = rows_of(data, element="mean", task=task, model=model)
            band = [c for c in axes.collections if c.get_label() == "band"][i]
            corners = {tuple(corner) for corner in band.get_paths()[0].vertices}
            expected = {(r["sparsity"], r[end]) for r in means for end in ("drop_low", "drop_high")}
            assert expected <= corners
    drawn = {
        (r["model"], r["sparsity"], r["drop"]) for r in rows_of(data, element="mean", task="pair")
    }
    assert drawn == {
        (r["model"], r["sparsity"], r["drop"])
        for r in tables["drop"].to_pylist()
        if r["task"] == "pair" and r["control_of"] is None
    }


def test_a_seeds_drop_is_from_its_own_dense_run(drop_tables: MakeTables) -> None:
    tables = drop_tables(models=("bert",), tasks=1, seeds=2)
    runs = tables["runs"].to_pylist()
    for run in runs:
        run["score"] += 5.0 * run["seed"]  # seeds of different luck, the same for every mask
    shifted = select_drop({**tables, "runs": pa.Table.from_pylist(runs)}, SPEC)
    seeds = rows_of(select_drop(tables, SPEC), element="seed")
    drops = [r["drop"] for r in seeds]
    assert [r["drop"] for r in rows_of(shifted, element="seed")] == pytest.approx(drops)
    # What is lost is positive: with the sparse run's score it makes up the dense one's.
    (dense,) = (r["score"] for r in runs if (r["family"], r["seed"]) == ("dense", 2)
                and r["control_of"] is None)  # fmt: skip
    (last,) = (r for r in rows_of(shifted, element="seed", seed=2) if r["sparsity"] == 0.9)
    assert last["drop"] > 5
    assert last["drop"] + last["score"] == pytest.approx(dense)


def test_a_sparse_run_without_its_dense_partner_is_named(drop_tables: MakeTables) -> None:
    tables = drop_tables(models=("bert",), tasks=1)
    runs = [r for r in tables["runs"].to_pylist() if r["sparsity"] > 0 or r["seed"] != 2]
    with pytest.raises(UserError, match=r"no dense run of topic, bert, quick-1, seed 2"):
        select_drop({**tables, "runs": pa.Table.from_pylist(runs)}, SPEC)


def test_a_lone_seed_is_not_drawn_twice(drop_tables: MakeTables) -> None:
    figure = draw_drop(drop_tables(("bert",), seeds=1, spread=False, controls=False), SPEC)
    assert not [x for line in lines(panels(figure, "curves")[0], "seed") for x in line.get_xdata()]
    assert not {"single seeds", "95 % interval"} & set(words(figure))


def test_drops_fall_and_epsilon_and_floors_lie_where_they_should(drop_tables: MakeTables) -> None:
    tables = drop_tables(models=("bert",), tasks=1, epsilon=2.0)
    figure = draw_drop(tables, FigureSpec(epsilon=2.0))
    (axes,) = panels(figure, "curves")
    bottom, top = axes.get_ylim()
    assert bottom > 50 and top < 0
    (control,) = (r for r in tables["drop"].to_pylist() if r["control_of"])
    for label, drop in {
        "epsilon": 2.0,
        "constant": 72.3 - 21.0,
        "control": control["drop"],
    }.items():
        (line,) = lines(axes, label)
        assert list(line.get_ydata()) == pytest.approx([drop, drop])
    spans = [p.get_extents() for p in axes.patches]
    inverse = axes.transData.inverted()
    (span,) = (inverse.transform_bbox(box) for box in spans)
    assert sorted((span.y0, span.y1)) == pytest.approx([control["drop_low"], control["drop_high"]])
    assert {"ε = 2 points", "random start, dense", "constant answer", "ε"} <= set(words(figure))


def test_without_controls_none_is_promised(drop_tables: MakeTables) -> None:
    figure = draw_drop(drop_tables(controls=False), SPEC)
    assert not lines(panels(figure, "curves")[0], "control")
    assert not any("random start" in text for text in words(figure))


def test_controls_are_named_as_the_spec_does(drop_tables: MakeTables) -> None:
    spec = FigureSpec(models={"bert-random": "BERT, new"})
    assert "BERT, new, dense" in words(draw_drop(drop_tables(models=("bert",)), spec))


def test_essential_sparsity_is_marked_on_epsilon_and_in_the_strip(drop_tables: MakeTables) -> None:
    tables = drop_tables(models=("bert", "opt"), tasks=1)
    figure = draw_drop(tables, SPEC)
    (curves,), (strip,) = panels(figure, "curves"), panels(figure, "strip")
    assert curves.get_xlim() == strip.get_xlim()
    rows = tables["essential"].to_pylist()
    assert [
        (line.get_xdata()[0], line.get_ydata()[0], line.get_marker())
        for line in lines(curves, "crossing")
    ] == [(row["estimate"], 1.0, "|") for row in rows]
    assert [line.get_xdata()[0] for line in lines(strip, "estimate")] == [
        row["estimate"] for row in rows
    ]
    assert [tuple(line.get_xdata()) for line in lines(strip, "interval")] == [
        (row["low"], row["high"]) for row in rows
    ]


@pytest.mark.parametrize(
    ("values", "x", "marker", "word"),
    [
        (ABOVE, 0.9, ">", "above the last tested sparsity"),
        (BELOW, 0.2, "<", "below the first tested sparsity"),
    ],
)
def test_censored_values_are_arrows_at_the_grids_end(
    drop_tables: MakeTables, values: dict[str, Any], x: float, marker: str, word: str
) -> None:
    tables = drop_tables(models=("bert",), tasks=1, censored={("bert", "topic"): values})
    figure = draw_drop(tables, SPEC)
    (curves,), (strip,) = panels(figure, "curves"), panels(figure, "strip")
    marks = {(line.get_xdata()[0], line.get_marker()) for line in lines(strip, "estimate")}
    assert marks == {(x, marker)}
    assert not lines(curves, "crossing") and not lines(curves, "lead"), "none was seen"
    assert marker in {line.get_marker() for line in lines(strip, "end")}
    assert word in words(figure)


def test_the_certified_bound_is_the_end_of_a_bar_in_the_strip(drop_tables: MakeTables) -> None:
    ends = {("bert", "topic"): 0.4, ("opt", "topic"): 0.0, ("opt2", "topic"): None}
    censored = {curve: {"certified": end} for curve, end in ends.items()}
    censored["vit", "topic"] = {"certified": 0.9, "certified_censored": "above"}
    figure = draw_drop(drop_tables(MODELS, tasks=1, censored=censored), SPEC)
    (strip,) = panels(figure, "strip")
    bars = [bar for bars in strip.containers if bars.get_label() == "certified" for bar in bars]
    assert [(bar.get_x(), bar.get_width()) for bar in bars] == [(0, 0.4), (0, 0.0), (0, 0.9)]
    assert [round(bar.get_y() + bar.get_height() / 2, 9) for bar in bars] == [0, 1, 3]
    assert {"certified: drop < ε (95 %)", "at 0: nothing certified"} <= set(words(figure))
    nothing = {("bert", "topic"): {"certified": 0.0}}
    found = words(draw_drop(drop_tables(MODELS[:1], tasks=1, censored=nothing), SPEC))
    assert "at 0: nothing certified" in found and "certified: drop < ε (95 %)" not in found
    # Off the grid's end the bar is open.
    assert [line.get_xdata()[0] for line in lines(strip, "bound")] == [0.4, 0.0]
    assert "certified: drop < ε (95 %)" in words(figure)


def test_without_certificates_none_is_promised(drop_tables: MakeTables) -> None:
    censored = {("bert", "topic"): {"certified": None}}
    figure = draw_drop(drop_tables(("bert",), tasks=1, censored=censored), SPEC)
    assert not any("certified" in text for text in words(figure))


def test_only_censored_figures_speak_of_the_grids_end(drop_tables: MakeTables) -> None:
    found = words(draw_drop(drop_tables(), SPEC))
    assert not any("sparsity" in text and ("last" in text or "first" in text) for text in found)


def test_an_unresolved_value_is_hollow(drop_tables: MakeTables) -> None:
    tables = drop_tables(("bert",), 1, censored={("bert", "topic"): {"resolved": False}})
    figure = draw_drop(tables, SPEC)
    (mark,) = lines(panels(figure, "strip")[0], "estimate")
    assert mark.get_markerfacecolor() == "white"
    assert "unresolved: noise exceeds ε" in words(figure)


def test_an_essential_sparsity_of_another_epsilon_is_refused(drop_tables: MakeTables) -> None:
    with pytest.raises(UserError, match=r"essential.parquet: epsilon: none is 0\.5 \(known: 1\)"):
        draw_drop(drop_tables(), FigureSpec(epsilon=0.5))


def test_axes_titles_and_legend_say_what_is_seen(drop_tables: MakeTables) -> None:
    found = words(draw_drop(drop_tables(models=("bert",), tasks=2), SPEC))
    assert found.count("Drop in accuracy (points)") == 1
    assert found.count("Sparsity (% of prunable weights)") == 2
    expected = {"Topic (dense 72.3 %)", "pair (dense 75.1 %)", "BERT-base", "single seeds"}
    assert expected | {"95 % interval", "essential sparsity, 95 % interval"} <= set(found)


def test_panels_of_several_metrics_name_their_own(drop_tables: MakeTables) -> None:
    found = words(draw_drop(drop_tables(models=("bert",), metrics=TRIO), SPEC))
    assert "Performance drop (points)" in found
    assert {"Topic (dense 72.3 %)", "pair (dense 75.1 % F1)", "mnli (dense 84.6 MCC)"} <= set(found)
    assert {"%", "% F1", "MCC"} <= set(words(draw_drop(drop_tables(metrics=TRIO), SPEC)))


@pytest.mark.parametrize(
    ("metrics", "title"),
    [
        (("f1",), "Drop in F1 (points)"),
        (("f1", "span-f1"), "Drop in F1 (points)"),
        (("matthews",), "Drop in MCC (× 100)"),
        (("spearman",), "Drop in Spearman's ρ (× 100)"),
        (("pearson", "spearman"), "Performance drop (points)"),
    ],
)
def test_the_axis_names_the_metric(
    drop_tables: MakeTables, metrics: tuple[str, ...], title: str
) -> None:
    figure = draw_drop(drop_tables(metrics=metrics), SPEC)
    assert title in words(figure)
    assert overlaps(figure) == []


def test_where_no_constant_answer_is_known_none_is_drawn(drop_tables: MakeTables) -> None:
    figure = draw_drop(drop_tables(metrics=("span-f1",)), SPEC)
    assert not any(lines(axes, "constant") for axes in panels(figure, "curves"))
    assert "constant answer" not in words(figure)
    mixed = draw_drop(drop_tables(tasks=2, metrics=("span-f1", "f1")), SPEC)
    assert [bool(lines(axes, "constant")) for axes in panels(mixed, "curves")] == [False, True]
    assert "constant answer" in words(mixed)


def test_an_unknown_metric_is_named(drop_tables: MakeTables) -> None:
    tables = drop_tables()
    names = pa.array(["acuracy"] * len(tables["drop"]))
    index = tables["drop"].column_names.index("metric")
    tables["drop"] = tables["drop"].set_column(index, "metric", names)
    with pytest.raises(UserError, match=r"drop\.parquet: metric: unknown metric 'acuracy'; did"):
        draw_drop(tables, SPEC)


def test_several_models_have_their_dense_scores_in_their_colours(drop_tables: MakeTables) -> None:
    found = words(draw_drop(drop_tables(models=("bert", "opt"), tasks=1), SPEC))
    assert {"Topic", "dense", "72.3", "70.0", "BERT-base", "OPT-125M"} <= set(found)


def test_several_scopes_differ_by_line_and_models_by_colour(drop_tables: MakeTables) -> None:
    curves = (("magnitude", "global"), ("magnitude", "layer"))
    figure = draw_drop(drop_tables(models=("bert", "opt"), tasks=1, curves=curves), SPEC)
    drawn = lines(panels(figure, "curves")[0], "mean")
    looks = [(line.get_color(), line.get_linestyle()) for line in drawn]
    assert len(set(looks)) == 4
    assert len({colour for colour, _ in looks}) == len({line for _, line in looks}) == 2
    assert {"magnitude, global", "magnitude, layer"} <= set(words(figure))


def test_a_task_that_is_not_learnt_is_marked(drop_tables: MakeTables) -> None:
    def draw(models: tuple[str, ...]) -> list[str]:
        tables = drop_tables(models=models, tasks=1)
        rows = tables["drop"].to_pylist()
        for row in rows:
            if row["model"] == "opt":
                row["score_low"] = row["constant"]
        tables["drop"] = pa.Table.from_pylist(rows, tables["drop"].schema)
        figure = draw_drop(tables, SPEC)
        assert overlaps(figure) == []
        return words(figure)

    assert "Topic (dense 72.3 %, not learnt)" in draw(("opt",))
    assert "Topic (dense 72.3 %)" in draw(("bert",))
    assert {"72.3", "70.0†", "% (†: not learnt)"} <= set(draw(("bert", "opt")))


def test_curves_of_one_model_differ_by_colour_and_marker_too(drop_tables: MakeTables) -> None:
    curves = (("magnitude", "global"), ("magnitude", "layer"), ("random", "erk"))
    tables = drop_tables(models=("bert",), tasks=1, curves=curves)
    figure = draw_drop(tables, SPEC)
    drawn = lines(panels(figure, "curves")[0], "mean")
    own = style.model_styles(SPEC.models, ["bert"])["bert"].colour
    assert drawn[0].get_color() == own, "as in the study's other figures"
    for look in (Line2D.get_color, Line2D.get_marker):
        assert len({look(line) for line in drawn}) == 3
    others = {line.get_color() for line in drawn[1:]}
    assert not others & {s.colour for s in style.model_styles(SPEC.models, []).values()}
    intervals = lines(panels(figure, "strip")[0], "interval")
    assert [line.get_color() for line in intervals] == [line.get_color() for line in drawn]
    legend = figure.legends[0]
    assert legend.get_title().get_text() == "BERT-base"
    assert {text.get_text() for text in legend.get_texts()} == {
        "magnitude, global", "magnitude, layer", "random, erk",
    }  # fmt: skip
    assert overlaps(figure) == []


@pytest.mark.parametrize(
    ("tasks", "models"),
    [(1, MODELS[:1]), (2, MODELS[:2]), (3, MODELS[:1]), (4, MODELS[:1]), (6, MODELS)],
)
def test_no_text_covers_another_or_leaves_the_page(
    drop_tables: MakeTables, models: tuple[str, ...], tasks: int
) -> None:
    censored = {("bert", "topic"): ABOVE, ("bert", "pair"): {**BELOW, "resolved": False}}
    tables = drop_tables(models=models, tasks=tasks, controls=tasks % 2 == 1, censored=censored)
    figure = draw_drop(tables, SPEC)
    assert overlaps(figure) == []
    assert len(panels(figure, "curves")) == tasks
    assert len({round(a.get_position().x0, 4) for a in panels(figure, "curves")}) <= 3
    assert figure.get_figwidth() == (3.3 if tasks == 1 else 6.9)


def test_long_labels_and_nine_models_still_fit(drop_tables: MakeTables) -> None:
    models = tuple(f"model-{i}" for i in range(9))
    spec = FigureSpec(
        models={name: f"A model with a rather long name, number {name}" for name in models},
        tasks={"topic": "A task whose name is longer than its panel is wide by far"},
    )
    assert overlaps(draw_drop(drop_tables(models=models, tasks=3), spec)) == []
