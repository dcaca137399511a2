"""Draws the pattern of removed weights in chosen matrices (paper, Figure 1): a block a model, mask.

Each matrix is a small heat map of the same size, whatever its shape: a cell is a block of weights,
its colour the block's rate. Two numbers below it say whether the pattern is more than chance: the
dispersions over rows and over columns (see `tables.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from essential_sparsity.drawing import layout, style
from essential_sparsity.drawing.layout import text_height, text_width
from essential_sparsity.drawing.masks import (
    MASK_COLUMNS,
    OF_MASK,
    draw_scale,
    mask_title,
    module_label,
    rate_colours,
    without_dense,
)
from essential_sparsity.drawing.rows import Row, Tables, grouped, names_of
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.support.tables import columns

_PLACE = (*OF_MASK, "layer", "module")
_EDGES = ("row_start", "row_stop", "column_start", "column_stop")
_DISPERSIONS = ("row_dispersion", "column_dispersion")

COLUMNS = {
    "positions": {*_PLACE, *_EDGES, "rate"},
    "dispersion": {*_PLACE, "rows", "columns", "rate", *_DISPERSIONS},
}

_NUMBER, _TEXT, _COUNT = pa.float64(), pa.string(), pa.int64()

# What is drawn: an element a row; rates and sparsities lie in [0, 1].
DRAWN = pa.schema(
    [
        ("element", _TEXT),  # block (of a matrix) or matrix
        *MASK_COLUMNS,
        ("layer", _COUNT),
        ("module", _TEXT),
        *columns(_COUNT, *_EDGES, "rows", "columns"),
        *columns(_NUMBER, "rate", *_DISPERSIONS),
    ]
)

_WIDTH = style.DOUBLE_WIDTH
_ACROSS = 12  # matrices side by side, at most
_LARGEST = 1.1  # a matrix's side, at most
_GAP = 0.08
_BAR, _BAR_GAP, _RIGHT = 0.08, 0.12, 0.50  # the scale, and the room for its numbers and name
_AXIS_NAME, _LABELS = 0.20, 0.75  # room for the axis's name, and for labels at the left
_SCALE = 2.4  # the scale's length, at most
_CLIPPED = 0.5  # percent of the blocks at each end of the colours' scale
_Numbers = npt.NDArray[np.float64]

_NOTE = (
    "R, C: how unevenly rows (outputs) and columns (inputs) lose weights: the variance of their "
    "numbers of removed weights, over that of random removal, which has 1."
)


def select(tables: Tables, spec: FigureSpec) -> pa.Table:
    """Return what the figure shows, an element a row, with the columns of `DRAWN`.

    Dense masks are left out.
    """
    del spec  # labels only, which are no data
    elements = {"positions": "block", "dispersion": "matrix"}
    parts = []
    for name, element in elements.items():
        table = without_dense(tables[name], name)
        columns = {"element": pa.repeat(element, table.num_rows)}
        columns |= {c: table[c] for c in DRAWN.names if c in table.column_names}
        parts.append(pa.table(columns))
    return pa.concat_tables(parts, promote_options="default").select(DRAWN.names).cast(DRAWN)


def draw(data: pa.Table, spec: FigureSpec) -> Figure:
    """Draw a block of heat maps a model and mask; see the module for how to read it."""
    page = layout.Page(_WIDTH, 0.06)
    matrices = data.filter(pc.field("element") == "matrix").to_pylist()
    blocks = data.filter(pc.field("element") == "block")
    for place, rows in grouped(matrices, "model", "mask"):
        _draw_mask(page, rows, _of(blocks, place), spec)
    page.note(_NOTE)
    return page.finish()


def _of(table: pa.Table, place: Row) -> pa.Table:
    """Return the rows that have all values of a place."""
    for name, value in place.items():
        table = table.filter(pc.field(name) == value)
    return table


@dataclass(frozen=True)
class _Grid:
    """Where the matrices of a mask stand: modules by layers, the longer of the two across.

    `across` and `down` are the layers or modules, whichever `keys` says of the two, with the
    labels that fit; `left` is the room for the labels at the left, `side` a matrix's, in inches.
    """

    keys: tuple[str, str]
    across: Mapping[int | str, str]
    down: Mapping[int | str, str]
    left: float
    side: float

    @classmethod
    def of(cls, rows: list[Row]) -> "_Grid":
        modules = {
            row["module"]: f"{module_label(row['module'])}\n{row['rows']} × {row['columns']}"
            for row in rows
        }
        layers = {layer: f"Layer {layer}" for layer in names_of(rows, "layer")}
        keys = ("module", "layer")
        across: Mapping[Any, str] = modules
        down: Mapping[Any, str] = layers
        if len(modules) < len(layers) <= _ACROSS:
            keys, across, down = ("layer", "module"), layers, modules
        down = {value: _wrapped(label, _LABELS) for value, label in down.items()}
        left = 0.15 + _AXIS_NAME + max(map(text_width, down.values()))
        room = _WIDTH - left - _BAR_GAP - _BAR - _RIGHT
        side = min(room / len(across) - _GAP, _LARGEST)
        across = {value: _wrapped(label, side) for value, label in across.items()}
        return cls(keys, across, down, left, side)

    @property
    def width(self) -> float:
        return len(self.across) * (self.side + _GAP) - _GAP

    def place(self, row: Row) -> tuple[int, int]:
        """Return how far across and down a matrix stands, counted from 0."""
        beside, below = self.keys
        return list(self.across).index(row[beside]), list(self.down).index(row[below])


def _draw_mask(page: layout.Page, rows: list[Row], blocks: pa.Table, spec: FigureSpec) -> None:
    """Draw one mask's grid of matrices."""
    grid = _Grid.of(rows)
    title = layout.wrap_text(mask_title(rows[0], spec), _WIDTH - 0.2, style.TITLE_SIZE, "bold")
    page.text(title, 0.1, page.top, va="top", size=style.TITLE_SIZE, weight="bold")
    page.top += text_height(title, style.TITLE_SIZE) + 0.04
    page.top += max(map(text_height, grid.across.values())) + 0.04
    top = page.top
    for i, label in enumerate(grid.across.values()):
        middle = grid.left + i * (grid.side + _GAP) + grid.side / 2
        page.text(label, middle, top - 0.04, ha="center", va="bottom")

    texts = [_dispersion_text(row, grid.side) for row in rows]
    pitch = grid.side + max(map(text_height, texts)) + 0.08
    for i, label in enumerate(grid.down.values()):
        middle = top + i * pitch + grid.side / 2
        page.text(label, grid.left - 0.06, middle, ha="right", va="center")

    meshes = [_mesh(_of(blocks, {key: row[key] for key in ("layer", "module")})) for row in rows]
    norm, extend = _colours([rates for _, _, rates in meshes])
    for row, text, mesh in zip(rows, texts, meshes, strict=True):
        beside, below = grid.place(row)
        left = grid.left + beside * (grid.side + _GAP)
        axes = page.axes(left, top + below * pitch, grid.side, grid.side)
        drawn = axes.pcolormesh(
            *mesh, cmap=style.COLOUR_MAP, norm=norm, rasterized=True, label="rates"
        )
        axes.invert_yaxis()
        axes.spines[:].set_visible(True)
        axes.set(xticks=[], yticks=[])
        axes.set_xlabel(text, fontsize=style.TEXT_SIZE)

    page.top += len(grid.down) * pitch
    across, down = grid.left + grid.width / 2, (top + page.top) / 2
    page.text("Output dimension", 0.1 + _AXIS_NAME / 2, down, rotation=90, ha="center",
              va="center", size=style.TITLE_SIZE)  # fmt: skip
    page.text("Input dimension", across, page.top, ha="center", va="top", size=style.TITLE_SIZE)
    height = min(page.top - top, _SCALE) - pitch + grid.side
    scale = page.axes(grid.left + grid.width + _BAR_GAP, top, _BAR, height)
    draw_scale(scale, drawn, "Rate (% of block)", extend)
    page.top += style.TITLE_SIZE * layout.LINE_HEIGHT + 0.14


def _mesh(blocks: pa.Table) -> tuple[_Numbers, _Numbers, _Numbers]:
    """Return the edges of a matrix's blocks, across and down, and their rates (down, across)."""
    top, bottom, left, right = (blocks[name].to_numpy() for name in _EDGES)
    tops, lefts = np.unique(top), np.unique(left)
    rates = np.full((len(tops), len(lefts)), np.nan)
    rates[np.searchsorted(tops, top), np.searchsorted(lefts, left)] = blocks["rate"].to_numpy()
    return np.append(lefts, right.max()), np.append(tops, bottom.max()), rates


def _colours(matrices: list[_Numbers]) -> tuple[Normalize, str]:
    """Return the scale for all blocks but the most extreme ones, and at which ends those lie."""
    rates = np.concatenate([rates.ravel() for rates in matrices])
    low, high = np.nanpercentile(rates, [_CLIPPED, 100 - _CLIPPED])
    norm = rate_colours(float(low), float(high))
    below, above = np.nanmin(rates) < norm.vmin, np.nanmax(rates) > norm.vmax
    if below and above:
        return norm, "both"
    return norm, "min" if below else "max" if above else "neither"


def _dispersion_text(row: Row, width: float) -> str:
    """Return the two dispersions, in one line if that is at most `width` inches wide."""
    rows, columns = (_three_digits(row[name]) for name in _DISPERSIONS)
    line = f"R {rows}  C {columns}"
    return line if text_width(line) <= width else f"R {rows}\nC {columns}"


def _three_digits(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}"


def _wrapped(text: str, width: float) -> str:
    return "\n".join(layout.wrap_text(line, width) for line in text.split("\n"))
