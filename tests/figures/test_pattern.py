from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.figures.kinds import FIGURE_KINDS
from essential_sparsity.figures.pattern.draw import COLUMNS
from essential_sparsity.figures.pattern.draw import select as select_pattern
from essential_sparsity.support.errors import UserError

from .conftest import drawing_of, table_of
from .overlap import drawn_texts, overlaps

draw_pattern = drawing_of("pattern")

MakeTables = Callable[..., dict[str, pa.Table]]

SPEC = FigureSpec(models={"bert": "BERT-base", "opt": "OPT-350M"}, tasks={"topic": "Topic"})
PAPER = ("1:2", "2:4", "4:8", "1:4", *(f"{kept}:8" for kept in (1, 2, 3, 5, 6, 7)))
GRID = (0.0, 0.25, 0.5, 0.75, 0.9)


def panels(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_label() == "patterns"]


def lines(axes: Axes, label: str) -> list[Any]:
    return [line for line in axes.lines if line.get_label() == label]


def words(figure: Figure) -> list[str]:
    return [text.replace("\N{NO-BREAK SPACE}", " ") for text, _ in drawn_texts(figure)]


def rows_of(table: pa.Table, **values: Any) -> list[dict[str, Any]]:
    return [row for row in table.to_pylist() if values.items() <= row.items()]


def places(axes: Axes) -> dict[str, float]:
    """Return pattern → its place on the axis, in the order of the axis."""
    texts = [label.get_text() for label in axes.get_xticklabels()]
    return dict(zip(texts, axes.get_xticks(), strict=True))


def marks(axes: Axes, hollow: bool) -> dict[float, float]:
    """Return place → drop of the full marks or of the hollow ones."""
    return {
        x: y
        for line in lines(axes, "mean")
        if (line.get_markerfacecolor() == "white") == hollow
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    }


def test_the_registry_names_this_stage_and_its_tables() -> None:
    kind = FIGURE_KINDS["pattern"]
    assert (kind.drawing, set(kind.tables)) == (select_pattern.__module__, {*COLUMNS, "sharpness"})


def test_bars_lie_over_the_masks_that_are_certified(drop_tables: MakeTables) -> None:
    tables = drop_tables(("bert",), tasks=1, patterns=("7:8", "2:4", "1:4"), grid=(0.0, 0.5, 0.75))
    bounds = {"magnitude-nof8": 0.125, "magnitude-nof4": 0.5, "magnitude-global": 0.0}
    essential = tables["essential"].to_pylist()
    for row in essential:
        row["certified"] = bounds[row["family"]]
    figure = draw_pattern({**tables, "essential": pa.Table.from_pylist(essential)}, SPEC)
    (strip,) = [axes for axes in figure.axes if axes.get_label() == "strip"]
    bars = [bar for bars in strip.containers if bars.get_label() == "certified" for bar in bars]
    middles = sorted(bar.get_x() + bar.get_width() / 2 for bar in bars)
    (axes,) = [axes for axes in figure.axes if axes.get_label() == "patterns"]
    places = {
        t.get_text(): x for t, x in zip(axes.get_xticklabels(), axes.get_xticks(), strict=True)
    }
    assert middles == pytest.approx([places["7:8"], places["2:4"]])


def test_patterns_stand_by_ascending_sparsity_then_group(drop_tables: MakeTables) -> None:
    figure = draw_pattern(drop_tables(("bert",), 1, patterns=PAPER, grid=GRID), SPEC)
    (axes,) = panels(figure)
    found = places(axes)
    assert list(found) == ["7:8", "6:8", "5:8", "1:2", "2:4", "4:8", "3:8", "1:4", "2:8", "1:8"]
    assert list(found.values()) == sorted(found.values())
    below = [text.get_text() for text in axes.texts if text.get_text() != "ε"]
    assert below == ["12.5", "25", "37.5", "50", "62.5", "75", "87.5"]


def test_larger_groups_come_later(drop_tables: MakeTables) -> None:
    figure = draw_pattern(drop_tables(("bert",), 1, patterns=("16:32", "4:8", "8:16")), SPEC)
    assert list(places(panels(figure)[0])) == ["4:8", "8:16", "16:32"]


def test_marks_are_the_data_written(drop_tables: MakeTables) -> None:
    tables = drop_tables(("bert",), 2, patterns=("2:4", "1:4"), grid=GRID, seeds=3)
    figure, data = draw_pattern(tables, SPEC), select_pattern(tables, SPEC)
    for axes, task in zip(panels(figure), ("topic", "pair"), strict=True):
        place = places(axes)
        means = {row["pattern"]: row for row in rows_of(data, element="mean", task=task)}
        full = marks(axes, hollow=False)
        assert full == {place[pattern]: means[pattern]["drop"] for pattern in ("2:4", "1:4")}
        ends = {tuple(line.get_xdata()): list(line.get_ydata()) for line in lines(axes, "interval")}
        for pattern in ("2:4", "1:4"):
            x, row = place[pattern], means[pattern]
            assert ends[x, x] == [row["drop_low"], row["drop_high"]]
        seeds = rows_of(data, element="seed", task=task, pattern="2:4")
        dots = lines(axes, "seed")[0]
        drawn = zip(dots.get_xdata(), dots.get_ydata(), strict=True)
        assert {y for x, y in drawn if x == place["2:4"]} == {row["drop"] for row in seeds}
        assert len(seeds) == 3


def test_patterns_of_one_sparsity_share_their_unstructured_partner(
    drop_tables: MakeTables,
) -> None:
    tables = drop_tables(("bert",), 1, patterns=("1:2", "2:4", "4:8", "1:4"), grid=GRID)
    figure, data = draw_pattern(tables, SPEC), select_pattern(tables, SPEC)
    (axes,) = panels(figure)
    place, hollow = places(axes), marks(axes, hollow=True)
    plain = [row for row in rows_of(data, element="mean") if row["pattern"] is None]
    # 0, 25 and 90 % are no pattern's.
    assert [row["sparsity"] for row in plain] == [0.5, 0.75]
    assert list(hollow.values()) == [row["drop"] for row in plain]
    half, three_quarters = hollow
    assert place["4:8"] < half < place["1:4"] < three_quarters
    # The stripe behind the first sparsity holds the three patterns and their partner.
    left, right = axes.patches[0].get_x(), axes.patches[0].get_x() + axes.patches[0].get_width()
    inside = [name for name, x in place.items() if left < x < right]
    assert inside == ["1:2", "2:4", "4:8"] and left < half < right < place["1:4"]


def test_a_third_is_a_third_to_a_few_decimals(drop_tables: MakeTables) -> None:
    tables = drop_tables(("bert",), 1, patterns=("2:3",), grid=(0.0, 0.3333, 0.34))
    data = select_pattern(tables, SPEC)
    assert [row["sparsity"] for row in rows_of(data, element="mean")] == [0.3333, 1 - 2 / 3]
    (axes,) = panels(draw_pattern(tables, SPEC))
    assert len(marks(axes, hollow=True)) == 1


def test_a_pattern_without_a_partner_stands_alone(drop_tables: MakeTables) -> None:
    figure = draw_pattern(drop_tables(("bert",), 1, patterns=("2:4",), grid=(0.0, 0.3)), SPEC)
    assert marks(panels(figure)[0], hollow=True) == {}
    found = set(words(figure))
    assert "magnitude, N:M" in found and "magnitude, global" not in found


def test_models_differ_by_colour_and_marker_side_by_side(drop_tables: MakeTables) -> None:
    figure = draw_pattern(drop_tables(("bert", "opt"), 1, patterns=("2:4",), grid=GRID), SPEC)
    (axes,) = panels(figure)
    found = [line for line in lines(axes, "mean") if line.get_markerfacecolor() != "white"]
    assert len({line.get_color() for line in found}) == len({m.get_marker() for m in found}) == 2
    one, other = (line.get_xdata()[0] for line in found)
    assert one < places(axes)["2:4"] < other
    assert (one + other) / 2 == pytest.approx(places(axes)["2:4"])
    assert {"BERT-base", "OPT-350M", "dense", "72.3", "70.0"} <= set(words(figure))


def test_criteria_and_scopes_differ_by_how_marks_are_filled(drop_tables: MakeTables) -> None:
    curves = (("magnitude", "global"), ("magnitude", "layer"))
    tables = drop_tables(("bert",), 1, patterns=("2:4", "4:8"), grid=GRID, curves=curves)
    other = [
        {**row, "label": row["label"].replace("magnitude", "random"),
         "family": row["family"].replace("magnitude", "random")}
        for row in tables["drop"].to_pylist() if row["scope"] == "N:4"
    ]  # fmt: skip
    tables = {**tables, "drop": table_of([*tables["drop"].to_pylist(), *other])}
    figure = draw_pattern(tables, SPEC)
    (axes,) = panels(figure)
    found = [line for line in lines(axes, "mean") if len(line.get_xdata())]
    looks = {(line.get_fillstyle(), line.get_markerfacecolor()) for line in found}
    assert len(looks) == len(found) == 4
    expected = {"magnitude, N:M", "random, N:M", "magnitude, global", "magnitude, layer"}
    assert expected <= set(words(figure))


def test_drops_fall_and_epsilon_and_floors_lie_where_they_should(drop_tables: MakeTables) -> None:
    tables = drop_tables(("bert",), 1, patterns=("2:4",), epsilon=2.0)
    figure = draw_pattern(tables, FigureSpec(epsilon=2.0))
    (axes,) = panels(figure)
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
    expected = {"ε = 2 points", "random start, dense", "constant answer", "ε", "single seeds"}
    assert expected | {"95 % interval"} <= set(words(figure))


def test_what_is_not_there_is_not_promised(drop_tables: MakeTables) -> None:
    tables = drop_tables(
        ("bert",), 1, patterns=("2:4",), seeds=1, spread=False, controls=False
    )  # fmt: skip
    figure = draw_pattern(tables, SPEC)
    assert not lines(panels(figure)[0], "interval")
    found = words(figure)
    assert not {"single seeds", "95 % interval", "random start, dense"} & set(found)


def test_masks_without_a_pattern_are_refused(drop_tables: MakeTables) -> None:
    with pytest.raises(UserError, match=r"drop\.parquet: pattern: no mask has an N:M pattern"):
        draw_pattern(drop_tables(), SPEC)


def test_axes_and_titles_say_what_is_seen(drop_tables: MakeTables) -> None:
    found = words(draw_pattern(drop_tables(("bert",), 2, patterns=("2:4",)), SPEC))
    assert found.count("Drop in accuracy (points)") == 1
    assert found.count("Pattern N:M, sparsity (%)") == 2
    assert {"Topic (dense 72.3 %)", "pair (dense 75.1 %)", "magnitude, N:M"} <= set(found)


@pytest.mark.parametrize(
    ("tasks", "models", "patterns"),
    [
        (1, 1, ("2:4",)),
        (1, 1, PAPER),
        (2, 2, ("1:2", "2:4", "4:8", "1:4")),
        (3, 4, PAPER),
        (4, 1, PAPER),
        (6, 2, ("16:32", "8:16", "4:8")),
    ],
)
def test_no_text_covers_another_or_leaves_the_page(
    drop_tables: MakeTables, tasks: int, models: int, patterns: tuple[str, ...]
) -> None:
    names = ("bert", "opt", "opt2", "vit")[:models]
    tables = drop_tables(names, tasks, patterns=patterns, grid=GRID, controls=tasks % 2 == 1)
    figure = draw_pattern(tables, SPEC)
    assert overlaps(figure) == []
    assert len(panels(figure)) == tasks


def test_sparsities_fit_below_lone_patterns(drop_tables: MakeTables) -> None:
    patterns = tuple(f"{kept}:{size}" for size in (7, 8) for kept in range(1, size))
    tables = drop_tables(("bert",), 2, patterns=patterns, grid=(0.0, 0.3))
    assert overlaps(draw_pattern(tables, SPEC)) == []


def test_panels_are_as_wide_as_their_patterns_need(drop_tables: MakeTables) -> None:
    def columns(patterns: tuple[str, ...]) -> int:
        figure = draw_pattern(drop_tables(("bert",), 3, patterns=patterns, grid=GRID), SPEC)
        return len({round(axes.get_position().x0, 4) for axes in panels(figure)})

    assert (columns(("2:4",)), columns(PAPER)) == (3, 2)
    single = draw_pattern(drop_tables(("bert",), 1, patterns=("2:4",)), SPEC)
    wide = draw_pattern(drop_tables(("bert", "opt", "opt2"), 1, patterns=PAPER), SPEC)
    assert (single.get_figwidth(), wide.get_figwidth()) == (3.3, 6.9)


def test_models_marks_do_not_touch_in_a_column(drop_tables: MakeTables) -> None:
    figure = draw_pattern(drop_tables(("bert", "opt", "vit"), 4, patterns=PAPER, grid=GRID), SPEC)
    for axes in panels(figure):
        inches = axes.get_position().width * figure.get_figwidth() / axes.get_xlim()[1]
        found = sorted(x for line in lines(axes, "mean") for x in line.get_xdata())
        assert np.diff(found).min() * inches > 0.05
