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
from essential_sparsity.figures.positions.draw import COLUMNS
from essential_sparsity.figures.positions.draw import select as select_positions
from essential_sparsity.support.errors import UserError

from .conftest import BERT, LLAMA, drawing_of, table_of
from .overlap import drawn_texts, overlaps

draw_positions = drawing_of("positions")

MakeTables = Callable[..., dict[str, pa.Table]]

SPEC = FigureSpec(models={"bert": "BERT-base"})


def words(figure: Figure) -> list[str]:
    return [text.replace("\N{NO-BREAK SPACE}", " ") for text, _ in drawn_texts(figure)]


def meshes(figure: Figure) -> list[tuple[Axes, QuadMesh]]:
    return [(a, c) for a in figure.axes for c in a.collections if c.get_label() == "rates"]


def rates_of(mesh: QuadMesh) -> Any:
    return np.asarray(mesh.get_array())


def rows_of(table: pa.Table, **values: Any) -> list[dict[str, Any]]:
    return [row for row in table.to_pylist() if values.items() <= row.items()]


def places(figure: Figure) -> list[tuple[float, float]]:
    """Return (left, top) of each heat map, in inches."""
    width, height = figure.get_size_inches()
    boxes = [axes.get_position() for axes, _ in meshes(figure)]
    return [(round(box.x0 * width, 3), round((1 - box.y1) * height, 3)) for box in boxes]


def test_the_registry_names_this_stage_and_its_tables() -> None:
    kind = FIGURE_KINDS["positions"]
    assert (kind.drawing, set(kind.tables)) == (select_positions.__module__, set(COLUMNS))


def test_cells_are_the_data_written_at_their_place(positions_tables: MakeTables) -> None:
    tables = positions_tables({"bert": ((0, 5), ("query", "feed_forward_in"))})
    figure, data = draw_positions(tables, SPEC), select_positions(tables, SPEC)
    drawn = meshes(figure)
    order = [(layer, module) for layer in (0, 5) for module in ("query", "feed_forward_in")]
    assert len(drawn) == len(order)
    for (axes, mesh), (layer, module) in zip(drawn, order, strict=True):
        rows = rows_of(data, element="block", layer=layer, module=module)
        assert len(rows) == 36
        corners = mesh.get_coordinates()
        for row in rows:
            across = np.flatnonzero(corners[0, :, 0] == row["column_start"])[0]
            down = np.flatnonzero(corners[:, 0, 1] == row["row_start"])[0]
            assert rates_of(mesh)[down, across] == row["rate"]
        # The first output is at the top.
        assert axes.get_ylim() == (96 if module == "feed_forward_in" else 24, 0)
        assert axes.get_xlim() == (0, 24)


def test_blocks_in_any_order_are_drawn_alike(positions_tables: MakeTables) -> None:
    tables = positions_tables({"bert": ((0,), ("query",))})
    turned = tables["positions"].take(list(reversed(range(36))))
    (_, one), (_, other) = (
        *meshes(draw_positions(tables, SPEC)),
        *meshes(draw_positions({**tables, "positions": turned}, SPEC)),
    )
    np.testing.assert_array_equal(rates_of(one), rates_of(other))


def test_matrices_of_a_mask_share_their_colours_and_masks_do_not(
    positions_tables: MakeTables,
) -> None:
    drawn = meshes(draw_positions(positions_tables(sparsities=(0.2, 0.6)), SPEC))
    scales = [mesh.get_clim() for _, mesh in drawn]
    assert len(scales) == 36
    assert [len(set(scales[:18])), len(set(scales[18:])), len(set(scales))] == [1, 1, 2]
    low, high = scales[0]
    assert 0.14 <= low < 0.145 and 0.255 < high <= 0.26


def test_equal_rates_still_have_a_scale(positions_tables: MakeTables) -> None:
    tables = positions_tables(sparsities=(0.5,), pattern="4:8")
    figure = draw_positions(tables, SPEC)
    low, high = meshes(figure)[0][1].get_clim()
    assert 0.499 < low < 0.5 < high < 0.501
    assert "BERT-base, magnitude, 4:8, 50 % removed" in words(figure)
    assert overlaps(figure) == []


def test_a_few_extreme_blocks_do_not_take_all_the_colours(positions_tables: MakeTables) -> None:
    tables = positions_tables()
    rows = tables["positions"].to_pylist()
    rows[7]["rate"] = 1.0
    _, mesh = meshes(draw_positions({**tables, "positions": table_of(rows)}, SPEC))[0]
    assert rates_of(mesh).max() == 1.0
    assert mesh.get_clim()[1] < 0.3


def test_dispersions_stand_below_each_matrix(positions_tables: MakeTables) -> None:
    figure = draw_positions(positions_tables({"bert": ((0,), ("query", "key"))}), SPEC)
    assert [axes.get_xlabel() for axes, _ in meshes(figure)] == [
        "R 1.25  C 125", "R 1.35  C 135",
    ]  # fmt: skip
    assert any("over that of random removal" in text.replace("\n", " ") for text in words(figure))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "R 0.00  C 0.00"), (0.0996, "R 0.10  C 9.96"), (0.9996, "R 1.00  C 100"),
     (None, "R –  C –"), (0.1236, "R 0.12  C 12.4")],
)  # fmt: skip
def test_dispersions_have_three_digits(
    positions_tables: MakeTables, value: float | None, text: str
) -> None:
    tables = positions_tables({"bert": ((0,), ("query",))}, dispersion=value)
    assert meshes(draw_positions(tables, SPEC))[0][0].get_xlabel() == text


def test_modules_stand_side_by_side_unless_there_are_more_layers(
    positions_tables: MakeTables,
) -> None:
    across = places(draw_positions(positions_tables({"bert": ((0, 6, 11), BERT)}), SPEC))
    assert len({left for left, _ in across}) == 6 and len({top for _, top in across}) == 3
    assert across[0][1] == across[1][1]  # two modules of layer 0 are level
    down = places(draw_positions(positions_tables({"bert": (tuple(range(12)), BERT)}), SPEC))
    assert len({left for left, _ in down}) == 12 and len({top for _, top in down}) == 6
    assert down[0][0] == down[1][0]  # two modules of layer 0 are below each other


def test_labels_say_what_is_seen(positions_tables: MakeTables) -> None:
    found = words(draw_positions(positions_tables(), SPEC))
    expected = {
        "BERT-base, magnitude, global, 21.5 % removed", "Layer 0", "Layer 11",
        "Input dimension", "Output dimension", "Rate (% of block)",
        "attention output\n24 × 24", "feed-forward in\n96 × 24", "feed-forward out\n24 × 96",
    }  # fmt: skip
    assert expected <= set(found)


def test_dense_masks_are_left_out_and_a_figure_of_none_refused(
    positions_tables: MakeTables,
) -> None:
    data = select_positions(positions_tables(sparsities=(0.0, 0.5)), SPEC)
    assert set(data["sparsity"].to_pylist()) == {0.5}
    with pytest.raises(UserError, match=r"positions.parquet: no mask removes anything"):
        draw_positions(positions_tables(sparsities=(0.0,)), SPEC)


def test_a_module_that_one_layer_lacks_leaves_its_place_blank(
    positions_tables: MakeTables,
) -> None:
    tables = positions_tables()
    kept = {
        name: table_of([r for r in t.to_pylist() if (r["layer"], r["module"]) != (6, "key")])
        for name, t in tables.items()
    }
    figure = draw_positions(kept, SPEC)
    assert len(meshes(figure)) == 17
    assert len({left for left, _ in places(figure)}) == 6
    assert overlaps(figure) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "models",
    [
        {"bert": ((0,), ("query",))},
        {"bert": ((0, 6, 11), BERT), "llama": ((0, 16, 31), LLAMA)},
        {"bert": (tuple(range(12)), ("feed_forward_in", "feed_forward_out"))},
        {"bert": (tuple(range(24)), BERT)},
        {"a model with a very long name that somebody gave to it in a good mood, "
         "and then made even longer by a mood that was better still": ((0, 1), BERT)},
    ],
)  # fmt: skip
def test_no_text_covers_another_or_leaves_the_page(
    positions_tables: MakeTables, models: dict[str, Any]
) -> None:
    figure = draw_positions(positions_tables(models, (0.0001, 0.99), dispersion=8.8), SPEC)
    assert overlaps(figure) == []
    assert figure.get_figwidth() == 6.9
