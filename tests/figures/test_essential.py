from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from essential_sparsity.drawing import style
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.figures.essential.draw import DRAWN
from essential_sparsity.figures.essential.draw import select as select_essential
from essential_sparsity.support.errors import UserError

from .conftest import drawing_of
from .overlap import drawn_texts, overlaps

draw_essential = drawing_of("essential")

MakeTables = Callable[..., dict[str, pa.Table]]

SPEC = FigureSpec(models={"bert": "BERT-base", "opt": "OPT-125M"}, tasks={"topic": "Topic"})
ABOVE = {
    **{"estimate": 0.9, "estimate_censored": "above", "high": 0.9, "high_censored": "above"},
    **{"low": 0.8, "certified": 0.9, "certified_censored": "above"},
}
UNRESOLVED = {"resolved": False, "certified": None}


def study(**experiments: pa.Table) -> dict[str, pa.Table]:
    """Return the tables of experiments, by name, as the stage reads them."""
    parts = [
        table.append_column("experiment", pa.repeat(name, len(table)))
        for name, table in experiments.items()
    ]
    return {"essential": pa.concat_tables(parts, promote_options="default")}


def forest(figure: Figure) -> Axes:
    (axes,) = (axes for axes in figure.axes if axes.get_label() == "forest")
    return axes


def lines(axes: Axes, label: str) -> list[Any]:
    return [line for line in axes.lines if line.get_label() == label]


def words(figure: Figure) -> list[str]:
    return [text.replace("\N{NO-BREAK SPACE}", " ") for text, _ in drawn_texts(figure)]


def test_marks_are_the_data_written(drop_tables: MakeTables) -> None:
    made = drop_tables(("bert", "opt"), tasks=2, censored={("bert", "pair"): ABOVE})
    tables = study(drop=made["essential"])
    figure, data = draw_essential(tables, SPEC), select_essential(tables, SPEC)
    assert data.schema == DRAWN
    rows, axes = data.to_pylist(), forest(figure)
    assert [(row["task"], row["model"]) for row in rows] == [
        ("topic", "bert"), ("topic", "opt"), ("pair", "bert"), ("pair", "opt"),
    ]  # fmt: skip
    estimates, heights = lines(axes, "estimate"), []
    for row, line, interval in zip(rows, estimates, lines(axes, "interval"), strict=True):
        assert line.get_xdata()[0] == row["sparsity"]
        assert tuple(interval.get_xdata()) == (row["sparsity_low"], row["sparsity_high"])
        heights.append(line.get_ydata()[0])
    assert heights == sorted(heights)
    bars = [bar for bars in axes.containers if bars.get_label() == "certified" for bar in bars]
    assert [bar.get_width() for bar in bars] == [row["certified"] for row in rows]
    assert [line.get_marker() for line in estimates].count(">") == 1
    assert len(lines(axes, "bound")) == 3  # the bar of the whole grid is open


def test_numbers_stand_beside_their_rows(drop_tables: MakeTables) -> None:
    values = {"estimate": 0.523, "low": 0.41, "high": 0.6, "certified": 0.44}
    censored = {("bert", "topic"): values, ("opt", "topic"): ABOVE, ("opt", "pair"): UNRESOLVED}
    made = drop_tables(("bert", "opt"), tasks=2, censored=censored)
    figure = draw_essential(study(drop=made["essential"]), SPEC)
    boxes = {text.replace("\N{NO-BREAK SPACE}", " "): box for text, box in drawn_texts(figure)}
    assert {"Topic", "pair", "BERT-base", "52.3 % [41, 60]", "> 90 % [80, > 90]"} <= set(boxes)
    assert {"44 %", "≥ 90 %", "–", "unresolved: noise exceeds ε"} <= set(boxes)
    mark = lines(forest(figure), "estimate")[0]
    height = forest(figure).transData.transform((0.5, mark.get_ydata()[0]))[1]
    for text in ("52.3 % [41, 60]", "44 %"):
        assert boxes[text].y0 < height < boxes[text].y1


def test_unresolved_curves_are_hollow(drop_tables: MakeTables) -> None:
    made = drop_tables(("bert",), tasks=2, censored={("bert", "pair"): UNRESOLVED})
    marks = lines(forest(draw_essential(study(drop=made["essential"]), SPEC)), "estimate")
    assert [mark.get_markerfacecolor() == "white" for mark in marks] == [False, True]


def test_a_model_that_has_not_learnt_its_task_is_marked(drop_tables: MakeTables) -> None:
    made = drop_tables(("bert",), tasks=2, censored={("bert", "pair"): {"dense_low": 40.0}})
    found = words(draw_essential(study(drop=made["essential"]), SPEC))
    assert sum(text.endswith("†") for text in found) == 1
    assert any(text.startswith("† the dense model is no better") for text in found)
    whole = drop_tables(("bert",), tasks=2)
    assert not any("†" in t for t in words(draw_essential(study(drop=whole["essential"]), SPEC)))


def test_what_experiments_have_alike_is_one_row_and_what_differs_two(
    drop_tables: MakeTables,
) -> None:
    one, fine = (
        drop_tables(("bert",), tasks=1),
        drop_tables(("bert",), tasks=1, grid=(0.0, 0.5, 0.8)),
    )
    tables = study(fig2=one["essential"], fig6=one["essential"], fine=fine["essential"])
    rows = select_essential(tables, SPEC).to_pylist()
    assert [row["experiments"] for row in rows] == [["fig2", "fig6"], ["fine"]]
    found = set(words(draw_essential(tables, SPEC)))
    assert {"BERT-base, fig2, fig6", "BERT-base, fine"} <= found


def test_masks_are_named_where_there_are_several(drop_tables: MakeTables) -> None:
    curves = (("magnitude", "global"), ("magnitude", "layer"))
    made = drop_tables(("bert",), tasks=1, curves=curves)
    found = set(words(draw_essential(study(drop=made["essential"]), SPEC)))
    assert {"BERT-base, magnitude, global", "BERT-base, magnitude, layer"} <= found


def test_only_the_main_tolerance_is_shown(drop_tables: MakeTables) -> None:
    made = drop_tables(("bert",), tasks=1)["essential"]
    rows = made.to_pylist()
    other = [{**row, "epsilon": 2.0, "main": False, "estimate": 0.77} for row in rows]
    tables = study(drop=pa.Table.from_pylist(rows + other))
    assert len(select_essential(tables, SPEC)) == 1
    with pytest.raises(UserError, match=r"essential\.parquet: main: true in no row"):
        select_essential(study(drop=pa.Table.from_pylist(other)), SPEC)


@pytest.mark.parametrize("tasks", [1, 2])
def test_a_search_at_another_epsilon_has_its_row_which_says_so(
    drop_tables: MakeTables, tasks: int
) -> None:
    """Whatever else tells the rows apart: one line a task, or two curves of one model and task."""
    made = drop_tables(("bert",), tasks=tasks)["essential"]
    other = drop_tables(("bert",), tasks=tasks, epsilon=5.0)["essential"]
    if tasks == 2:
        made, other = made.slice(0, 1), other.slice(1, 1)
    tables = study(grid=made, search=other)
    rows = select_essential(tables, SPEC).to_pylist()
    assert [(row["experiments"], row["epsilon"]) for row in rows] == [
        (["grid"], 1.0), (["search"], 5.0),
    ]  # fmt: skip
    figure = draw_essential(tables, SPEC)
    found = words(figure)
    assert {"BERT-base, ε = 1", "BERT-base, ε = 5"} <= set(found)
    assert any("ε in points: see each row" in text for text in found)
    assert not any("ε = 1 point" in text for text in found)
    assert overlaps(figure) == []


def test_one_epsilon_stands_in_the_legend_alone(drop_tables: MakeTables) -> None:
    made = drop_tables(("bert",), tasks=1, epsilon=5.0)["essential"]
    found = words(draw_essential(study(drop=made), SPEC))
    assert sum("ε =" in text for text in found) == 1
    assert any("ε = 5 points" in text for text in found)


@pytest.mark.parametrize(
    ("models", "tasks", "options"),
    [
        (("bert",), 1, {}),
        (("bert",), 3, {}),
        (("bert", "opt", "opt2", "vit"), 6, {}),
        (("bert", "a model whose name is rather long"), 2, {}),
        (("bert", "opt"), 3, {"patterns": ("7:8", "2:4", "1:4"), "curves": ()}),
        (("bert",), 2, {"curves": (("a criterion with a long name", "global"), ("random", "erk"))}),
    ],
)
def test_no_text_covers_another_or_leaves_the_page(
    drop_tables: MakeTables, models: tuple[str, ...], tasks: int, options: dict[str, Any]
) -> None:
    censored = {(models[0], "topic"): ABOVE, (models[-1], "pair"): UNRESOLVED}
    made = drop_tables(models, tasks=tasks, censored=censored, **options)
    figure = draw_essential(study(drop=made["essential"]), SPEC)
    assert overlaps(figure) == []
    assert figure.get_size_inches()[0] in (style.SINGLE_WIDTH, style.DOUBLE_WIDTH)
