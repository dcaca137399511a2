"""The matrices of a figure of mask similarity: masks against masks, two measures in two halves."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import QuadMesh
from matplotlib.colors import ListedColormap, Normalize

from essential_sparsity.drawing import layout, style
from essential_sparsity.drawing.elements import Row

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
class Masks:
    """The families of masks of one model, in the order in which every matrix of it has them."""

    families: tuple[str, ...]
    labels: tuple[str, ...]
    first_null: int

    @classmethod
    def of(cls, pairs: Sequence[Row]) -> "Masks":
        """Return the masks of a model's pairs, null models last."""
        found = {
            pair[f"family_{side}"]: (pair[f"null_{side}"], pair[f"label_{side}"])
            for pair in pairs
            for side in "ab"
        }
        families = sorted(found, key=lambda family: found[family][0])
        nulls = sum(is_null for is_null, _ in found.values())
        labels = tuple(found[family][1] for family in families)
        return cls(tuple(families), labels, len(families) - nulls)


@dataclass(frozen=True)
class Matrix:
    """The similarities of one model's masks at one sparsity.

    `cosine`, `kappa` and `overlap` are (masks, masks), NaN on the diagonal and where not defined;
    `there` tells for each mask whether it exists at this sparsity. `chance` holds the smallest and
    the largest chance level of the cosine.
    """

    sparsity: float
    masks: Masks
    there: npt.NDArray[np.bool_]
    cosine: npt.NDArray[np.float64]
    kappa: npt.NDArray[np.float64]
    overlap: npt.NDArray[np.float64]
    chance: tuple[float, float]

    @classmethod
    def of(cls, sparsity: float, pairs: Sequence[Row], masks: Masks) -> "Matrix":
        """Return the matrix of the pairs of one model and sparsity."""
        count = len(masks.families)
        there = np.zeros(count, bool)
        measures = {key: np.full((count, count), np.nan) for key in ("cosine", "kappa", "overlap")}
        for pair in pairs:
            a, b = (masks.families.index(pair[f"family_{side}"]) for side in "ab")
            there[[a, b]] = True
            for key, values in measures.items():
                values[a, b] = values[b, a] = np.nan if pair[key] is None else pair[key]
        levels = [pair["chance"] for pair in pairs if pair["chance"] is not None]
        chance = (min(levels, default=np.nan), max(levels, default=np.nan))
        return cls(sparsity, masks, there, **measures, chance=chance)

    @property
    def title(self) -> str:
        """The sparsity in words."""
        return f"{100 * self.sparsity:g}\N{NO-BREAK SPACE}% removed"

    @property
    def chance_text(self) -> str:
        """The cosine that chance alone gives, in percent; a range where it differs by pair."""
        low, high = (format_share(level) for level in self.chance)
        levels = low if low == high else f"{low}\N{EN DASH}{high}"
        return f"chance cosine {levels}"


def matrices_of(pairs: Sequence[Row]) -> list[Matrix]:
    """Return a matrix for each sparsity, from the rows of one model's pairs in their order."""
    masks = Masks.of(pairs)
    groups = groupby(pairs, key=lambda pair: pair["sparsity"])
    return [Matrix.of(sparsity, list(group), masks) for sparsity, group in groups]


def format_share(share: float, decimals: int = 1) -> str:
    """Return a share in percent, 100 without decimals; `–` if it is not defined."""
    if np.isnan(share):
        return _UNDEFINED
    percent = round(100 * share, decimals) + 0.0  # no negative zero
    text = "100" if percent == 100 else f"{percent:.{decimals}f}"
    return text.replace("-", "\N{MINUS SIGN}")


@dataclass(frozen=True)
class Block:
    """All matrices of one model: as many side by side as the page takes, evenly.

    Their masks' names stand left of the first one of every row.
    """

    heading: str
    matrices: list[Matrix]
    page_width: float

    @property
    def _masks(self) -> Masks:
        return self.matrices[0].masks

    @property
    def _count(self) -> int:
        return len(self._masks.families)

    @property
    def _left(self) -> float:
        names = [line for label in self._masks.labels for line in _wrap(label).split("\n")]
        widest = max(layout.text_width(name, style.TEXT_SIZE) for name in names)
        bracket = _BRACKET if self._masks.first_null < self._count else 0.0
        return EDGE + bracket + widest + _LABEL_GAP

    @property
    def _room(self) -> float:
        """Inches for matrices and the gaps behind them."""
        return self.page_width - EDGE - self._left + _GAP

    @property
    def _titles(self) -> float:
        titles = [layout.text_width(m.title, style.TITLE_SIZE) for m in self.matrices]
        return max(
            *titles, *(layout.text_width(m.chance_text, style.TEXT_SIZE) for m in self.matrices)
        )

    @property
    def _columns(self) -> int:
        """How many matrices stand side by side: cells may be narrow if that makes room for one."""
        narrow = max(_NARROW_CELL * self._count, self._titles) + _GAP
        rows = -(-len(self.matrices) // max(int(self._room / narrow), 1))
        return -(-len(self.matrices) // rows)

    @property
    def _cell(self) -> float:
        return min(_CELL_WIDTH, (self._room / self._columns - _GAP) / self._count)

    @property
    def is_roomy(self) -> bool:
        """Tell whether cells need not be narrower than they are meant to be."""
        return self._cell == _CELL_WIDTH

    @property
    def rows(self) -> list[list[Matrix]]:
        """The matrices, row by row."""
        step = self._columns
        return [self.matrices[i : i + step] for i in range(0, len(self.matrices), step)]

    def draw(self, page: layout.Page, top: float) -> float:
        """Draw heading and matrices from `top` on; return where they end."""
        heading = layout.wrap_text(
            self.heading, self.page_width - 2 * EDGE, style.TITLE_SIZE, "bold"
        )
        top += layout.text_height(heading, style.TITLE_SIZE) + 0.05
        height, width = _CELL_HEIGHT * self._count, self._cell * self._count
        pitch = max(width, self._titles) + _GAP
        for number, row in enumerate(self.rows):
            for place, matrix in enumerate(row):
                left = self._left + place * pitch
                axes = page.axes(left, top + _TITLE, width, height)
                _draw_matrix(axes, matrix, self._cell)
                if place == 0:
                    _write_labels(axes, self._masks, self._left, self._cell)
                if number == place == 0:
                    _write(axes, heading, 72 * (EDGE - self._left), 72 * _TITLE,
                           size=style.TITLE_SIZE, weight="bold")  # fmt: skip
            top += _TITLE + height + _FOOT
        return top


def _wrap(name: str) -> str:
    """Break a mask's name into the two lines at most that a cell is high."""
    name = name.replace(" %", "\N{NO-BREAK SPACE}%")
    for width in _LABELS:
        lines = layout.wrap_text(name, width, style.TEXT_SIZE).split("\n")
        if len(lines) <= 2:
            return "\n".join(lines)
    return f"{lines[0]}\n{lines[1]}…"


def _draw_matrix(axes: Axes, matrix: Matrix, cell: float) -> None:
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
    first_null = matrix.masks.first_null
    if 0 < first_null < count:
        axes.axhline(first_null - 0.5, color="white", lw=2.5)
        axes.axvline(first_null - 0.5, color="white", lw=2.5)
    for place in map(int, np.flatnonzero(matrix.there)):
        axes.text(
            place, place, str(place + 1), ha="center", va="center_baseline", weight="bold",
            size=style.TEXT_SIZE, **_mask_style(place >= first_null),
        )  # fmt: skip
    _write_values(axes, _cell_texts(matrix, cell), values, mesh)
    _write(axes, matrix.chance_text, 0, 3, size=style.TEXT_SIZE)
    _write(axes, matrix.title, 0, 3 + 72 * style.TEXT_SIZE * layout.LINE_HEIGHT,
           size=style.TITLE_SIZE)  # fmt: skip


def _mask_style(is_null: bool) -> dict[str, Any]:
    return {"style": "italic", "color": style.GREY} if is_null else {"color": style.INK}


@dataclass(frozen=True)
class _CellText:
    """A number in a cell: its row and column, how far below the cell's middle, how it looks."""

    row: int
    column: int
    down: float
    text: str
    style: str = "normal"


def _cell_texts(matrix: Matrix, cell: float) -> list[_CellText]:
    """Return the numbers in percent for cells of `cell` inches; none if not all of them fit."""
    texts = []
    for row, column in zip(*np.nonzero(np.outer(matrix.there, matrix.there)), strict=True):
        place = int(row), int(column)
        if row < column:
            texts.append(_CellText(*place, 0.0, _spell(matrix.kappa[place], cell)))
        elif row > column:
            texts.append(_CellText(*place, -_LINE / 2, _spell(matrix.cosine[place], cell)))
            overlap = _spell(matrix.overlap[place], cell)
            texts.append(_CellText(*place, _LINE / 2, overlap, style="italic"))
    return texts if all(_fits(text.text, cell) for text in texts) else []


def _write_values(
    axes: Axes, texts: list[_CellText], values: npt.NDArray[np.float64], mesh: QuadMesh
) -> None:
    """Write numbers into their cells, whose colours are those of `values`."""
    for text in texts:
        value = values[text.row, text.column]
        colour = style.INK if np.isnan(value) else style.ink_on(mesh.to_rgba(np.array([value]))[0])
        axes.text(
            text.column, text.row + text.down, text.text, ha="center", va="center_baseline",
            color=colour, size=style.TEXT_SIZE, style=text.style,
        )  # fmt: skip


def _spell(share: float, width: float) -> str:
    """Return a share as it is written, without decimals where that is too wide."""
    text = format_share(share)
    return text if _fits(text, width) else format_share(share, 0)


def _fits(text: str, width: float) -> bool:
    return layout.text_width(text, style.TEXT_SIZE) * _LEGIBLE <= width


def _write_labels(axes: Axes, masks: Masks, room: float, cell: float) -> None:
    """Write the masks' names into the `room` left of the matrix, and bracket the null models."""
    for place, label in enumerate(masks.labels):
        axes.text(
            -0.5 - _LABEL_GAP / cell, place, _wrap(label), ha="right", va="center",
            size=style.TEXT_SIZE, linespacing=1.0, **_mask_style(place >= masks.first_null),
        )  # fmt: skip
    nulls = len(masks.labels) - masks.first_null
    if nulls == 0:
        return
    left = -0.5 - (room - EDGE) / cell
    ends = (masks.first_null - 0.42, len(masks.labels) - 0.58)
    axes.plot(
        [left + 0.75 * _BRACKET / cell] * 2, ends,
        color=style.GREY, lw=style.THIN_WIDTH, clip_on=False,
    )  # fmt: skip
    axes.text(
        left, sum(ends) / 2, "null models" if nulls > 2 else "null", rotation=90,
        ha="left", va="center", size=style.TEXT_SIZE, **_mask_style(True),
    )  # fmt: skip


def _write(axes: Axes, text: str, right: float, up: float, **look: Any) -> None:
    """Write a text that begins so many points from the axes' top-left corner."""
    axes.annotate(
        text, (0, 1), xycoords="axes fraction", xytext=(right, up), textcoords="offset points",
        va="bottom", **look,
    )  # fmt: skip


def draw_key(page: layout.Page, top: float, curves: bool, nulls: bool, masks: str) -> float:
    """Draw the colours' scale, and beside or below it what the figure shows; return the end.

    `masks` is what is said of the masks besides their labels.
    """
    axes = page.axes(EDGE + 0.05, top, _SCALE_WIDTH, 0.08)
    axes.figure.colorbar(
        ScalarMappable(_SCALE, style.COLOUR_MAP), cax=axes, orientation="horizontal"
    )
    axes.spines[:].set_visible(False)
    style.percent_axis(axes.xaxis, ticks=4)
    axes.set_xlabel("Cosine, κ (%)", fontsize=style.TEXT_SIZE)
    right, down = _SCALE_WIDTH + 0.4, 0.0
    if page.width < style.DOUBLE_WIDTH:
        right, down = 0.0, _SCALE_HEIGHT + 0.05
    text = f"{_KEY}{_CURVES_KEY if curves else ''}{_NULLS_KEY if nulls else ''}."
    text += f" {masks[0].upper()}{masks[1:]}." if masks else ""
    text = layout.wrap_text(text, page.width - 2 * EDGE - right, style.TEXT_SIZE)
    axes.annotate(
        text, (0, 1), xycoords="axes fraction", va="top", size=style.TEXT_SIZE,
        xytext=(72 * (right - 0.05), 2 - 72 * down), textcoords="offset points",
    )  # fmt: skip
    return top + max(_SCALE_HEIGHT, down + layout.text_height(text, style.TEXT_SIZE))
