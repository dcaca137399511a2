"""Pages laid out in inches: what fits is measured, so that nothing overlaps whatever the labels.

A page is as wide as a column of print and as high as its content needs, which is known last: axes
and legends are placed from the top edge and moved to their final place by `Page.finish`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from essential_sparsity.drawing.style import DOUBLE_WIDTH, DPI, SINGLE_WIDTH, TEXT_SIZE

LINE_HEIGHT = 1.3 / 72  # inches a line of text needs, per point of its size
MARGIN_LEFT, MARGIN_RIGHT, GAP = 0.50, 0.16, 0.46  # of and between panels


class Panel(NamedTuple):
    """One cell of a grid of panels; lengths in inches, from the page's top-left corner."""

    left: float
    top: float
    leftmost: bool
    lowest: bool


@dataclass(frozen=True)
class Grid:
    """`count` panels in balanced rows of `columns`."""

    count: int
    columns: int
    page_width: float

    @classmethod
    def fit(cls, count: int, least: float = 0.0) -> "Grid":
        """Return panels with three side by side at most, and four as two by two.

        They are fewer where each would have less than `least` inches.
        """
        most = 2 if count == 4 else min(count, 3)
        grids = [cls(count, columns, DOUBLE_WIDTH) for columns in range(most, 1, -1)]
        grids += [cls(count, 1, SINGLE_WIDTH), cls(count, 1, DOUBLE_WIDTH)]
        return next((grid for grid in grids if grid.width >= least), grids[-1])

    @property
    def width(self) -> float:
        """The width of a panel, in inches."""
        room = self.page_width - MARGIN_LEFT - MARGIN_RIGHT - GAP * (self.columns - 1)
        return room / self.columns

    def place(self, page: "Page", heads: Sequence[float], pitch: float) -> list[Panel]:
        """Return each panel's place, from the page's top on, which then lies below them.

        `heads` is the room above each, and `pitch` that from its top to what is below it. Panels of
        a row stand at one height, with the room that the neediest of them asks for.
        """
        panels = []
        for first in range(0, self.count, self.columns):
            page.top += max(heads[first : first + self.columns])
            for i in range(first, min(first + self.columns, self.count)):
                left = MARGIN_LEFT + (i - first) * (self.width + GAP)
                panels.append(Panel(left, page.top, i == first, i + self.columns >= self.count))
            page.top += pitch
        return panels


class Page:
    """A figure `width` inches wide that grows downwards; `top` is where its next part begins."""

    def __init__(self, width: float, top: float = 0.0) -> None:
        self.width = width
        self.top = top
        self.figure = Figure(figsize=(width, 1.0), dpi=DPI)
        # What moves each part to its final place, on a page so many inches high.
        self._moves: list[Callable[[float], object]] = []

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Add axes; lengths in inches, `left` and `top` from the page's top-left corner."""
        # The same place as others have, until they are moved, would make them equal.
        across = (left / self.width, width / self.width)
        axes = self.figure.add_axes((across[0], 0.0, across[1], 1.0))

        def move(page: float) -> None:
            bottom = (page - top - height) / page
            axes.set_position((across[0], bottom, across[1], height / page))

        self._moves.append(move)
        return axes

    def text(self, text: str, left: float, top: float, **options: Any) -> None:
        """Write `text`; `options` are matplotlib's, by which `left` and `top` may be its middle."""
        written = self.figure.text(left / self.width, 0.0, text, **options)
        self._moves.append(lambda page: written.set_y(1 - top / page))

    def legend(self, handles: Sequence[Artist], title: str = "", gap: float = 0.06) -> None:
        """Add a legend at the page's top, centred, in as few rows as fit; `gap` is below it."""
        for rows in range(1, len(handles) + 1):
            columns = -(-len(handles) // rows)
            # Legends fill column after column; people read row after row.
            ordered = [handle for first in range(columns) for handle in handles[first::columns]]
            legend = self.figure.legend(
                handles=ordered, ncols=columns, loc="upper center", title=title
            )
            extent = legend.get_window_extent(_renderer(self.figure))
            if extent.width <= 0.97 * self.width * DPI or columns == 1:
                break
            legend.remove()
        if handles:
            top, anchor = self.top, self.figure.transFigure
            self._moves.append(
                lambda page: legend.set_bbox_to_anchor((0.5, 1 - top / page), anchor)
            )
            self.top += float(extent.height) / DPI
        self.top += gap

    def note(self, text: str) -> None:
        """Write small print at the page's top, centred, broken into lines."""
        text = wrap_text(text, 0.97 * self.width)
        self.text(text, self.width / 2, self.top, ha="center", va="top")
        self.top += text_height(text) + 0.06

    def finish(self) -> Figure:
        """Cut the page at its `top`, move everything to its place, return the figure."""
        self.figure.set_size_inches(self.width, self.top)
        for move in self._moves:
            move(self.top)
        return self.figure


def _renderer(figure: Figure) -> RendererAgg:
    return FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call, no-any-return]


@cache
def text_width(text: str, size: float = TEXT_SIZE, weight: str = "normal") -> float:
    """Return the width of the longest line of text, in inches."""
    font = FontProperties(family="DejaVu Sans", size=size, weight=weight)
    renderer = _renderer(Figure(figsize=(1, 1), dpi=DPI))
    return max(
        float(renderer.get_text_width_height_descent(line, font, False)[0]) / DPI  # type: ignore[no-untyped-call]
        for line in text.split("\n")
    )


def wrap_text(text: str, width: float, size: float = TEXT_SIZE, weight: str = "normal") -> str:
    """Break `text` at spaces into lines of at most `width` inches; hard spaces don't break.

    A word that is wider than a line by itself is cut, with an ellipsis.
    """
    lines: list[str] = []
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size, weight) <= width:
            lines[-1] = longer
        else:
            lines.append(_cut(word, width, size, weight))
    return "\n".join(lines)


def _cut(word: str, width: float, size: float, weight: str) -> str:
    if text_width(word, size, weight) <= width:
        return word
    while len(word) > 1 and text_width(word + "…", size, weight) > width:
        word = word[:-1]
    return word + "…"


def text_height(text: str, size: float = TEXT_SIZE) -> float:
    """Return the height that the lines of `text` need, in inches."""
    return (text.count("\n") + 1) * size * LINE_HEIGHT
