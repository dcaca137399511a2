"""The matrices of a figure of mask similarity: masks against masks, two measures in two halves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import QuadMesh
from matplotlib.colors import ListedColormap, Normalize

from essential_sparsity.drawing import layout, style
from essential_sparsity.drawing.masks import ink_on
from essential_sparsity.drawing.rows import Row, grouped

EDGE = 0.1  # inches of white at the page's left and right edge

# The same in all matrices and for both measures, so that a colour means one number.
_SCALE = Normalize(0, 1, clip=True)
_CELL_WIDTH, _NARROW_CELL, _CELL_HEIGHT = 0.27, 0.25, 0.29
_LINE = style.TEXT_SIZE * layout.LINE_HEIGHT / _CELL_HEIGHT  # a line's height, as part of a cell's
LABEL = 1.40  # the width, in inches, in which names of masks are to fit
_LABELS = (LABEL, 1.75, 2.10)  # widths that they get, the first in which they have two lines
_LABEL_GAP = 0.06
_BRACKET = 0.2  # of null models, left of their names
_GAP = 0.24  # between two matrices
_TITLE = (style.TITLE_SIZE + style.TEXT_SIZE) * layout.LINE_HEIGHT + 0.06
_FOOT = 0.16
_LEGIBLE = 1.10  # a number needs this much of its own width in its cell
_UNDEFINED = "–"

_SCALE_WIDTH, _SCALE_HEIGHT = 1.5, 0.42  # of the colours' scale, its numbers and its label
_KEY = (
    "Below the diagonal: cosine of the two keep masks, and under it, slanted, the share of the "
    "removed weights that both remove. Above it: κ, how far the cosine has come from its chance "
    "level to 100. Chance: random masks of these sparsities"
)
_CURVES_KEY = ", for the curves those with these sparsities in every matrix"
_NULLS_KEY = ". Grey: null models"


@dataclass(frozen=True)
class Matrix:
    """The similarities of one model's masks at one sparsity.

    `cosine`, `kappa` and `overlap` are (masks, masks), NaN on the diagonal and where not defined;
    `there` tells for each mask whether it exists at this sparsity.
    """

    there: npt.NDArray[np.bool_]
    cosine: npt.NDArray[np.float64]
    kappa: npt.NDArray[np.float64]
    overlap: npt.NDArray[np.float64]
    title: str  # the sparsity
    chance: str  # the cosine that it alone gives, in percent; a range where it differs by pair

    @classmethod
    def of(cls, sparsity: float, pairs: Sequence[Row], families: list[str]) -> "Matrix":
        """Return the matrix of the pairs of one model and sparsity, masks in this order."""
        count = len(families)
        there = np.zeros(count, bool)
        measures = {key: np.full((count, count), np.nan) for key in ("cosine", "kappa", "overlap")}
        for pair in pairs:
            a, b = (families.index(pair[f"family_{side}"]) for side in "ab")
            there[[a, b]] = True
            for key, values in measures.items():
                values[a, b] = values[b, a] = np.nan if pair[key] is None else pair[key]
        levels = [pair["chance"] for pair in pairs if pair["chance"] is not None] or [np.nan]
        ends = dict.fromkeys((format_share(min(levels)), format_share(max(levels))))
        return cls(
            there,
            **measures,
            title=f"{100 * sparsity:g}\N{NO-BREAK SPACE}% removed",
            chance="chance cosine " + "\N{EN DASH}".join(ends),
        )

    @property
    def title_width(self) -> float:
        """Inches that its title and the level of chance need."""
        return max(layout.text_width(self.title, style.TITLE_SIZE), layout.text_width(self.chance))


def format_share(share: float, decimals: int = 1) -> str:
    """Return a share in percent, 100 without decimals; `–` if it is not defined."""
    if np.isnan(share):
        return _UNDEFINED
    percent = round(100 * share, decimals) + 0.0  # no negative zero
    text = "100" if percent == 100 else f"{percent:.{decimals}f}"
    return text.replace("-", "\N{MINUS SIGN}")


class Block:
    """All matrices of one model: as many side by side as the page takes, evenly.

    Their masks' names stand left of the first one of every row. `is_roomy` says that cells need
    not be narrower than they are meant to be.
    """

    def __init__(self, heading: str, pairs: Sequence[Row], page_width: float) -> None:
        self.heading = heading
        self.page_width = page_width
        found = {
            pair[f"family_{side}"]: (pair[f"null_{side}"], pair[f"label_{side}"])
            for pair in pairs
            for side in "ab"
        }
        # The same order in all matrices, null models last.
        families = sorted(found, key=lambda family: found[family][0])
        self._labels = [_wrap(found[family][1]) for family in families]
        self._first_null = sum(not is_null for is_null, _ in found.values())
        self._count = len(families)
        self.matrices = matrices = [
            Matrix.of(place["sparsity"], own, families) for place, own in grouped(pairs, "sparsity")
        ]
        widest = max(map(layout.text_width, self._labels))
        bracket = _BRACKET if self._first_null < self._count else 0.0
        self._left = EDGE + bracket + widest + _LABEL_GAP
        room = page_width - EDGE - self._left + _GAP  # for matrices and the gaps behind them
        self._titles = max(matrix.title_width for matrix in matrices)
        # Cells may be narrow if that makes room for one matrix more.
        narrow = max(_NARROW_CELL * self._count, self._titles) + _GAP
        self._rows = -(-len(matrices) // max(int(room / narrow), 1))
        self._columns = -(-len(matrices) // self._rows)
        self._cell = min(_CELL_WIDTH, (room / self._columns - _GAP) / self._count)
        self.is_roomy = self._cell == _CELL_WIDTH

    def draw(self, page: layout.Page) -> None:
        """Draw heading and matrices."""
        room = self.page_width - 2 * EDGE
        heading = layout.wrap_text(self.heading, room, style.TITLE_SIZE, "bold")
        page.top += layout.text_height(heading, style.TITLE_SIZE) + 0.05
        height, width = _CELL_HEIGHT * self._count, self._cell * self._count
        pitch = max(width, self._titles) + _GAP
        title = {"va": "bottom", "size": style.TITLE_SIZE}
        for number, matrix in enumerate(self.matrices):
            row, place = divmod(number, self._columns)
            top = page.top + _TITLE + row * (_TITLE + height + _FOOT)
            left = self._left + place * pitch
            axes = page.axes(left, top, width, height)
            _draw_matrix(axes, matrix, self._first_null, self._cell)
            if place == 0:
                self._write_labels(axes)
            if number == 0:
                page.text(heading, EDGE, page.top, **title, weight="bold")
            above = top - 3 / 72
            page.text(matrix.chance, left, above, va="bottom")
            above -= style.TEXT_SIZE * layout.LINE_HEIGHT
            page.text(matrix.title, left, above, **title)
        page.top += self._rows * (_TITLE + height + _FOOT)

    def _write_labels(self, axes: Axes) -> None:
        """Write the masks' names left of a matrix, and bracket the null models."""
        first_null, cell = self._first_null, self._cell
        for place, label in enumerate(self._labels):
            axes.text(
                -0.5 - _LABEL_GAP / cell, place, label, ha="right", va="center",
                linespacing=1.0, **_mask_style(place >= first_null),
            )  # fmt: skip
        nulls = self._count - first_null
        if nulls == 0:
            return
        left = -0.5 - (self._left - EDGE) / cell
        ends = (first_null - 0.42, self._count - 0.58)
        right = left + 0.75 * _BRACKET / cell
        axes.plot([right] * 2, ends, color=style.GREY, lw=style.THIN_WIDTH, clip_on=False)
        axes.text(
            left, sum(ends) / 2, "null models" if nulls > 2 else "null", rotation=90,
            ha="left", va="center", **_mask_style(True),
        )  # fmt: skip


def _wrap(name: str) -> str:
    """Break a mask's name into the two lines at most that a cell is high."""
    name = name.replace(" %", "\N{NO-BREAK SPACE}%")
    for width in _LABELS:
        lines = layout.wrap_text(name, width).split("\n")
        if len(lines) <= 2:
            return "\n".join(lines)
    return f"{lines[0]}\n{lines[1]}…"


def _draw_matrix(axes: Axes, matrix: Matrix, first_null: int, cell: float) -> None:
    """Draw cosines below the diagonal, κ above it, and the masks' numbers on it."""
    count = len(matrix.there)
    below = np.tril(np.ones((count, count), bool), -1)
    values = np.where(below, matrix.cosine, matrix.kappa)
    edges = np.arange(count + 1) - 0.5
    looks: dict[str, Any] = {"edgecolors": "white", "linewidth": 0.6, "norm": _SCALE}
    there = np.where(np.outer(matrix.there, matrix.there), 0.0, np.nan)
    axes.pcolormesh(edges, edges, there, cmap=ListedColormap([style.PALE]), **looks)
    mesh = axes.pcolormesh(edges, edges, values, cmap=style.COLOUR_MAP, label="similarity", **looks)
    axes.set(xlim=(-0.5, count - 0.5), ylim=(count - 0.5, -0.5), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    if 0 < first_null < count:
        axes.axhline(first_null - 0.5, color="white", lw=2.5)
        axes.axvline(first_null - 0.5, color="white", lw=2.5)
    for place in map(int, np.flatnonzero(matrix.there)):
        axes.text(
            place, place, str(place + 1), ha="center", va="center_baseline", weight="bold",
            **_mask_style(place >= first_null),
        )  # fmt: skip
    _write_values(axes, matrix, values, mesh, cell)


def _mask_style(is_null: bool) -> dict[str, Any]:
    return {"style": "italic", "color": style.GREY} if is_null else {"color": style.INK}


def _write_values(
    axes: Axes, matrix: Matrix, values: npt.NDArray[np.float64], mesh: QuadMesh, cell: float
) -> None:
    """Write numbers in percent into cells of `cell` inches, if all of them fit.

    The cells' colours are those of `values`.
    """
    texts = []
    for row, column in np.argwhere(np.outer(matrix.there, matrix.there)):
        if row < column:
            texts.append((row, column, 0.0, matrix.kappa, "normal"))
        elif row > column:
            texts.append((row, column, -_LINE / 2, matrix.cosine, "normal"))
            texts.append((row, column, _LINE / 2, matrix.overlap, "italic"))
    spelled = [_spell(share[row, column], cell) for row, column, _, share, _ in texts]
    if not all(_fits(text, cell) for text in spelled):
        return
    for (row, column, down, _, slant), text in zip(texts, spelled, strict=True):
        axes.text(
            column, row + down, text, ha="center", va="center_baseline",
            color=ink_on(mesh, values[row, column]), style=slant,
        )  # fmt: skip


def _spell(share: float, width: float) -> str:
    """Return a share as it is written, without decimals where that is too wide."""
    text = format_share(share)
    return text if _fits(text, width) else format_share(share, 0)


def _fits(text: str, width: float) -> bool:
    return layout.text_width(text) * _LEGIBLE <= width


def draw_key(page: layout.Page, curves: bool, nulls: bool, masks: str) -> None:
    """Draw the colours' scale, and beside or below it what the figure shows.

    `masks` is what is said of the masks besides their labels.
    """
    axes = page.axes(EDGE + 0.05, page.top, _SCALE_WIDTH, 0.08)
    axes.figure.colorbar(
        ScalarMappable(_SCALE, style.COLOUR_MAP), cax=axes, orientation="horizontal"
    )
    axes.spines[:].set_visible(False)
    style.percent_axis(axes.xaxis, ticks=4)
    axes.set_xlabel("Cosine, κ (%)", fontsize=style.TEXT_SIZE)
    right, down = _SCALE_WIDTH + 0.4, 0.0
    if page.width < style.DOUBLE_WIDTH:
        right, down = 0.0, _SCALE_HEIGHT + 0.05
    text = f"{_KEY}{_CURVES_KEY if curves else ''}{_NULLS_KEY if nulls else ''}. {masks}".rstrip()
    text = layout.wrap_text(text, page.width - 2 * EDGE - right)
    page.text(text, EDGE + right, page.top + down - 2 / 72, va="top")
    page.top += max(_SCALE_HEIGHT, down + layout.text_height(text))
