"""How every figure looks: sizes, colours and marks, the same in all of them.

Sizes are those of print, in inches and points, so that a figure is placed at its real size and its
text is read at 7 points or more. Colours are Okabe and Ito's (2008), without yellow, which is too
pale for lines on white; markers repeat what colours say, for grey prints and colour-blind readers.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Any

import matplotlib.style
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, MaxNLocator

SINGLE_WIDTH = 3.3
DOUBLE_WIDTH = 6.9
DPI = 300

TEXT_SIZE = 7.0
TITLE_SIZE = 8.0
LINE_WIDTH = 1.2
THIN_WIDTH = 0.7
MARKER_SIZE = 3.6

LineStyle = str | tuple[float, tuple[float, ...]]

BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK = "#E69F00", "#56B4E9", "#000000"
INK, GREY, SILVER, PALE = "#333333", "#777777", "#BDBDBD", "#EFEFEF"
BAND_ALPHA, BAR_ALPHA = 0.18, 0.35  # of intervals behind curves, of bars behind marks

PALETTE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
# Long dashes: short ones and dots are kept for lines that are no model's curve.
LINES: tuple[LineStyle, ...] = (
    "solid",
    (0.0, (7.0, 1.2)),
    (0.0, (7.0, 1.2, 1.5, 1.2)),
    (0.0, (4.0, 1.2)),
    (0.0, (4.0, 1.2, 1.5, 1.2)),
)
# Of single seeds.
SEED_MARKS: dict[str, Any] = {"ls": "none", "ms": 2.2, "mfc": "none", "mew": 0.5}
CONTROL_LINE: LineStyle = (0.0, (2.5, 1.5))
FLOOR_LINE: LineStyle = (0.0, (1.0, 1.5))

# Perceptually uniform in lightness, and nearly the same to a colour-blind eye.
COLOUR_MAP = "cividis"

_SETTINGS: dict[str, object] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same glyphs on every machine
    "font.size": TEXT_SIZE,
    "axes.titlesize": TITLE_SIZE,
    "axes.labelsize": TITLE_SIZE,
    "axes.labelpad": 3.0,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": THIN_WIDTH,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "text.color": INK,
    "text.parse_math": False,  # a label may hold dollars
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": TEXT_SIZE,
    "ytick.labelsize": TEXT_SIZE,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.major.width": THIN_WIDTH,
    "ytick.major.width": THIN_WIDTH,
    "legend.fontsize": TEXT_SIZE,
    "legend.frameon": False,
    "legend.borderpad": 0.0,
    "legend.borderaxespad": 0.0,
    "legend.columnspacing": 1.4,
    "legend.handlelength": 2.4,
    "legend.handletextpad": 0.5,
    "legend.labelspacing": 0.35,
    "figure.dpi": DPI,  # what is measured while drawing is what is saved
    "savefig.dpi": DPI,
    "pdf.fonttype": 42,  # TrueType: text in the PDF stays text, as journals ask
}


def use_style() -> AbstractContextManager[None]:
    """Return the context to draw and to save in; a user's own matplotlib settings don't count."""
    return matplotlib.style.context(["default", _SETTINGS])


@dataclass(frozen=True)
class ModelStyle:
    """How a model is told apart: three marks, any one of which suffices for a few models."""

    colour: str
    marker: str
    line: LineStyle


Models = dict[str, ModelStyle]


def model_styles(labelled: Iterable[str], drawn: Iterable[str]) -> Models:
    """Return the style of every model, in the order in which models are listed.

    `labelled` are the names that the figures of a study share: they come first, sorted, so that a
    model looks the same in each; `drawn` names that are not among them follow.
    """
    known = sorted(set(labelled))
    names = known + sorted(set(drawn) - set(known))
    return {
        name: ModelStyle(
            colour=PALETTE[i % len(PALETTE)],
            marker=MARKERS[i % len(MARKERS)],
            line=LINES[i % len(LINES)],
        )
        for i, name in enumerate(names)
    }


def common_style(styles: Iterable[ModelStyle]) -> ModelStyle:
    """Return the style of marks that are nobody's: the only one, or a grey circle."""
    found = list(styles)
    several = len({each.colour for each in found}) > 1
    return ModelStyle(GREY, "o", "solid") if several else found[0]


def curve_styles(model: ModelStyle, labelled: int, count: int) -> list[ModelStyle]:
    """Return styles for several curves of one model: its own first, then ones of no other model.

    `labelled` is how many models the figures of a study share; beyond the palette, their styles
    return.
    """
    others = [ModelStyle(*marks) for marks in zip(PALETTE, MARKERS, cycle(LINES), strict=False)]
    free = [*others[labelled:], *others[:labelled]]
    order = [model, *(s for s in free if s.colour != model.colour)]
    return [replace(order[i % len(order)], line=LINES[i % len(LINES)]) for i in range(count)]


def percent_axis(axis: Axis, ticks: int = 6) -> None:
    """Let `axis`, whose data are shares in [0, 1], count in percent; the label names the unit."""
    axis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{round(100 * share, 6):g}"))
