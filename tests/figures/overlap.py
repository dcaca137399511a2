"""Finds text that collides with other text or leaves the page, as the renderer sees it."""

from itertools import combinations
from unittest.mock import patch

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

_TOLERANCE = 1.0  # pixels of 1/300 inch


def drawn_texts(figure: Figure) -> list[tuple[str, Bbox]]:
    """Return every text that is really drawn, with its box in pixels.

    Ticks out of view, for one, have texts that are not.
    """
    found: list[Text] = []
    draw = Text.draw

    def record(text: Text, renderer: object) -> None:
        found.append(text)
        draw(text, renderer)

    canvas = FigureCanvasAgg(figure)
    with patch.object(Text, "draw", record):
        canvas.draw()
    renderer = canvas.get_renderer()
    return [(t.get_text(), t.get_window_extent(renderer)) for t in found if t.get_text().strip()]


def overlaps(figure: Figure) -> list[str]:
    """Return a line for each text that covers another or leaves the page, or a legend covers."""
    texts = drawn_texts(figure)
    width, height = figure.get_size_inches() * figure.dpi
    faults = [
        f"{text!r} leaves the page"
        for text, box in texts
        if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height
    ]
    faults += [
        f"{one!r} covers {other!r}"
        for (one, box), (other, under) in combinations(texts, 2)
        if _collide(box, under)
    ]
    renderer = FigureCanvasAgg(figure).get_renderer()
    legends = [legend.get_window_extent(renderer) for legend in figure.legends]
    panels = [axes.get_tightbbox(renderer) for axes in figure.axes]
    faults += [
        "a legend covers a panel"
        for a in legends
        for b in panels
        if b is not None and _collide(a, b)
    ]
    return faults


def _collide(one: Bbox, other: Bbox) -> bool:
    both = Bbox.intersection(one, other)
    return both is not None and both.width > _TOLERANCE and both.height > _TOLERANCE
