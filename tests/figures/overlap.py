"""Finds text that collides with other text or leaves the page, as the renderer sees it."""

from unittest.mock import patch

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox, BboxBase

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
    boxes = [box for _, box in texts]
    faults += [
        f"{texts[one][0]!r} covers {texts[other][0]!r}"
        for one, other in np.argwhere(np.triu(_collisions(boxes, boxes), 1))
    ]
    renderer = FigureCanvasAgg(figure).get_renderer()
    legends = [legend.get_window_extent(renderer) for legend in figure.legends]
    panels = [axes.get_tightbbox(renderer) for axes in figure.axes]
    boxes = [panel for panel in panels if panel is not None]
    return faults + ["a legend covers a panel"] * int(_collisions(legends, boxes).sum())


def _collisions(ones: list[BboxBase], others: list[BboxBase]) -> npt.NDArray[np.bool_]:
    """Tell which boxes of the one list have more than a pixel in common with which of the other."""
    (left, bottom, right, top), (left2, bottom2, right2, top2) = (
        np.array([box.extents for box in boxes]).reshape(-1, 4).T for boxes in (ones, others)
    )
    width = np.minimum.outer(right, right2) - np.maximum.outer(left, left2)
    height = np.minimum.outer(top, top2) - np.maximum.outer(bottom, bottom2)
    return (width > _TOLERANCE) & (height > _TOLERANCE)
