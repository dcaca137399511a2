from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.figures.kinds import FIGURE_KINDS
from essential_sparsity.figures.placement.draw import COLUMNS
from essential_sparsity.figures.placement.draw import select as select_placement
from essential_sparsity.support.errors import UserError

from .conftest import BERT, LLAMA, drawing_of
from .overlap import drawn_texts, overlaps

draw_placement = drawing_of("placement")

MakeTables = Callable[..., dict[str, pa.Table]]

SPEC = FigureSpec(models={"bert": "BERT-base"})


def words(figure: Figure) -> list[str]:
    return [text.replace("\N{NO-BREAK SPACE}", " ") for text, _ in drawn_texts(figure)]


def meshes(figure: Figure) -> list[tuple[Axes, QuadMesh]]:
    return [(a, c) for a in figure.axes for c in a.collections if c.get_label() == "rates"]


def rows_of(table: pa.Table, **values: Any) -> list[dict[str, Any]]:
    return [row for row in table.to_pylist() if values.items() <= row.items()]


def test_the_registry_names_this_stage_and_its_tables() -> None:
    kind = FIGURE_KINDS["placement"]
    assert (kind.drawing, set(kind.tables)) == (select_placement.__module__, set(COLUMNS))


def test_cells_and_bars_are_the_data_written(placement_tables: MakeTables) -> None:
    tables = placement_tables({"bert": (3, BERT)}, sparsities=(0.215, 0.5))
    figure, data = draw_placement(tables, SPEC), select_placement(tables, SPEC)
    drawn = meshes(figure)
    bars = [axes for axes in figure.axes if len(axes.containers) == 2]
    assert len(drawn) == len(bars) == 2
    for (_, mesh), axes, sparsity in zip(drawn, bars, (0.215, 0.5), strict=True):
        rates = [r["rate"] for r in rows_of(data, element="rate", sparsity=sparsity)]
        # The table goes layer by layer within a module, as the mesh does.
        assert mesh.get_array().shape == (6, 3)
        assert sorted(mesh.get_array().ravel()) == sorted(rates)
        for row in rows_of(data, element="rate", sparsity=sparsity):
            assert mesh.get_array()[BERT.index(row["module"]), row["layer"]] == row["rate"]
        for container, column in zip(axes.containers, ("share", "base_share"), strict=True):
            widths = [bar.get_width() for bar in container]
            shares = rows_of(data, element="share", sparsity=sparsity)
            assert widths == [row[column] for row in shares]


def test_counts_add_up(placement_tables: MakeTables) -> None:
    tables = placement_tables({"bert": (4, BERT)}, sparsities=(0.5,))
    data = select_placement(tables, SPEC)
    shares = rows_of(data, element="share")
    assert sum(row["share"] for row in shares) == pytest.approx(1)
    assert sum(row["base_share"] for row in shares) == pytest.approx(1)
    source = tables["placement"].to_pylist()
    assert [r["rate"] for r in rows_of(data, element="rate", module="key", layer=2)] == [
        r["rate"] for r in source if (r["module"], r["layer"]) == ("key", 2)
    ]
    assert sum(r["share"] for r in source if r["module"] == "value") == pytest.approx(
        rows_of(data, element="share", module="value")[0]["share"]
    )


def test_the_rate_ratio_weighs_by_count_and_is_on_the_panel(placement_tables: MakeTables) -> None:
    tables = placement_tables({"bert": (2, BERT)}, sparsities=(0.5,))
    rows = tables["placement"].to_pylist()
    for row in rows:
        row["removed"] = row["weights"] // (2 if row["part"] == "feed_forward" else 8)
    tables = {"placement": pa.Table.from_pylist(rows)}
    assert rows_of(select_placement(tables, SPEC), element="ratio")[0]["ratio"] == 4.0
    assert "Rate ratio feed-forward / attention: 4.00" in words(draw_placement(tables, SPEC))


def test_a_ratio_to_nothing_is_not_defined(placement_tables: MakeTables) -> None:
    rows = placement_tables({"bert": (2, BERT)}, sparsities=(0.5,))["placement"].to_pylist()
    for row in rows:
        row["removed"] *= row["part"] == "feed_forward"
    figure = draw_placement({"placement": pa.Table.from_pylist(rows)}, SPEC)
    assert "Rate ratio feed-forward / attention: not defined" in words(figure)


def test_numbers_are_in_the_cells_if_they_fit(placement_tables: MakeTables) -> None:
    def numbers(layers: int) -> list[str]:
        tables = placement_tables({"bert": (layers, BERT)}, sparsities=(0.5,))
        figure = draw_placement(tables, SPEC)
        axes, mesh = meshes(figure)[0]
        decimals = 1 if layers < 10 else 0
        rates = np.asarray(mesh.get_array()).ravel()
        texts = [text.get_text() for text in axes.texts]
        assert not texts or texts == [f"{100 * rate:.{decimals}f}" for rate in rates]
        return texts

    assert len(numbers(6)) == 36
    assert len(numbers(12)) == 72
    assert numbers(32) == []


def test_dense_masks_are_left_out_and_a_figure_of_none_refused(
    placement_tables: MakeTables,
) -> None:
    data = select_placement(placement_tables(sparsities=(0.0, 0.5)), SPEC)
    assert set(data["sparsity"].to_pylist()) == {0.5}
    with pytest.raises(UserError, match=r"placement.parquet: no mask removes anything"):
        draw_placement(placement_tables(sparsities=(0.0,)), SPEC)


def test_a_missing_matrix_leaves_its_cell_blank(placement_tables: MakeTables) -> None:
    table = placement_tables({"bert": (3, BERT)}, sparsities=(0.5,))["placement"]
    figure = draw_placement({"placement": table.slice(1)}, SPEC)
    # The first row that is left is of another module, which then comes first.
    _, mesh = meshes(figure)[0]
    assert np.isnan(np.asarray(mesh.get_array())).sum() == 1
    assert overlaps(figure) == []


def test_labels_say_what_is_seen(placement_tables: MakeTables) -> None:
    found = words(draw_placement(placement_tables(sparsities=(0.215,)), SPEC))
    expected = {
        "BERT-base, magnitude, global, 21.5 % removed", "Layer", "Rate (% of matrix)",
        "Share (%)", "attention output", "feed-forward in", "share of prunable weights",
        "share of removed weights, attention", "share of removed weights, feed-forward",
    }  # fmt: skip
    assert expected <= set(found)


@pytest.mark.parametrize(
    "models",
    [
        {"bert": (1, BERT)},
        {"bert": (6, BERT), "llama": (40, LLAMA)},
        {"a model with a very long name that somebody gave to it in a good mood": (12, BERT)},
    ],
)
def test_no_text_covers_another_or_leaves_the_page(
    placement_tables: MakeTables, models: dict[str, tuple[int, tuple[str, ...]]]
) -> None:
    assert overlaps(draw_placement(placement_tables(models, (0.0001, 0.99)), SPEC)) == []
