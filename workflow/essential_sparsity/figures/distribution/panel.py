"""The panels of a figure of distributions: ridges, curves over layers, and a table of shares."""

import math
from collections.abc import Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

from essential_sparsity.drawing import layout, style
from essential_sparsity.drawing.rows import Row, names_of, numbers, where

RIDGE = 1.5  # rows that a layer's peak is high
NORMAL_GINI = math.sqrt(2) - 1  # of the magnitudes of normally distributed numbers
_SKEWED = 20  # a kurtosis beyond calls for a logarithmic axis

AXIS_LABELS = {
    "max-abs": "Weight / largest |w| of the layer",
    "standard": "(Weight − mean) / σ of the layer",
    "l2": "Weight / root mean square of the layer",
}


def draw_ridges(axes: Axes, rows: list[Row], look: style.ModelStyle, height: float) -> None:
    """Draw a model's densities, a ridge a layer, layers downwards, each to its own peak.

    `height` is that of the axes, in inches, which says how many layers can be numbered.
    """
    axes.set_label("ridges")
    tint = tuple(1 - 0.35 * (1 - part) for part in to_rgb(look.colour))
    axes.axvline(0, color=style.GREY, lw=0.4, zorder=0)
    layers = sorted(names_of(rows, "layer"))
    for layer in layers:
        bins = where(rows, layer=layer)
        centres = (numbers(bins, "left") + numbers(bins, "right")) / 2
        densities = numbers(bins, "density")
        ridge = layer - RIDGE * densities / densities.max()
        axes.axhline(layer, color=tint, lw=0.4, zorder=layer + 1)
        axes.fill_between(centres, layer, ridge, color=tint, lw=0, zorder=layer + 1)
        axes.plot(centres, ridge, color=look.colour, lw=style.THIN_WIDTH, zorder=layer + 1,
                  label=f"layer {layer}")  # fmt: skip
    low, high = layers[-1] + 0.4, -RIDGE - 0.1
    axes.set_ylim(low, high)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    step = math.ceil(style.TEXT_SIZE * layout.LINE_HEIGHT * (low - high) / height)
    axes.set_yticks(range(0, layers[-1] + 1, step))
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))


def draw_near_zero(axes: Axes, rows: list[Row], looks: style.Models, height: float) -> None:
    """Draw the share of weights below each threshold against the layer; `height` in inches.

    A line style a threshold, its number at the curves' end. A share of 0 has no place on the
    logarithmic axis and is left out.
    """
    axes.set_yscale("log")
    ends: dict[str, float] = {}
    thresholds = list(dict.fromkeys((row["threshold"], bound(row)) for row in rows))
    for i, (threshold, text) in enumerate(thresholds):
        last = []
        for model, look in looks.items():
            points = [row for row in where(rows, model=model, threshold=threshold) if row["share"]]
            _draw_curve(axes, points, "share", look, style.LINES[i % len(style.LINES)])
            last += [math.log(row["share"]) for row in points[-1:]]
        if last:
            ends[text] = math.exp(sum(last) / len(last))
    low, high = axes.get_ylim()
    # A decade at least, in which round numbers can mark the axis.
    middle, half = math.sqrt(low * high), math.sqrt(max(high / low, 10.0))
    low, high = middle / half, middle * half
    few = math.log10(high / low) < 2.8
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: _number(100 * share, 0.01)))
    axes.minorticks_off()
    axes.set_ylim(low, high)
    places = [math.log(end / low) / math.log(high / low) for end in ends.values()]
    for text, place in zip(ends, _spread(places, style.TEXT_SIZE / 60 / height), strict=True):
        axes.annotate(
            f"τ = {text}", (1, place), xycoords="axes fraction", xytext=(4, 0),
            textcoords="offset points", va="center",
        )  # fmt: skip


def draw_measure(
    axes: Axes, rows: list[Row], measure: str, looks: style.Models, normal: float
) -> None:
    """Draw one measure of every layer, and a line where a normal distribution has it."""
    axes.axhline(normal, color=style.INK, ls=style.FLOOR_LINE, lw=style.THIN_WIDTH, label="normal")
    rows = [row for row in rows if row[measure] is not None]
    for model, look in looks.items():
        _draw_curve(axes, where(rows, model=model), measure, look, look.line)
    if max((row[measure] for row in rows), default=0) > _SKEWED:
        axes.set_yscale("symlog", linthresh=1, linscale=0.5)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.minorticks_off()
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5))


def _draw_curve(
    axes: Axes, rows: list[Row], value: str, look: style.ModelStyle, line: style.LineStyle
) -> None:
    if rows:
        axes.plot(
            numbers(rows, "layer"), numbers(rows, value), color=look.colour, ls=line,
            lw=style.LINE_WIDTH, marker=look.marker,
            ms=style.MARKER_SIZE if len(rows) <= 16 else 2, label="curve",
        )  # fmt: skip


def _spread(places: Sequence[float], gap: float) -> list[float]:
    """Return places that are at least `gap` apart, in the order given, each near its own."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    spread = list(places)
    for below, above in pairwise(order):
        spread[above] = max(spread[above], spread[below] + gap)
    if order and (beyond := spread[order[-1]] - 1) > 0:
        spread[order[-1]] -= beyond
        for above, below in pairwise(reversed(order)):
            spread[below] = min(spread[below], spread[above] - gap)
    return spread


_FIRST_COLUMN, _WIDEST_COLUMN = 0.8, 1.6


class Table:
    """A line a threshold: every model's overall share, and how it differs from the first's.

    `labels` has a column's label for each model whose `overall` elements are shown.
    """

    def __init__(self, rows: list[Row], labels: dict[str, str], width: float) -> None:
        self._rows = rows
        self._width = width
        self._column = min((width - _FIRST_COLUMN) / len(labels), _WIDEST_COLUMN)
        self._labels = {
            model: layout.wrap_text(label, self._column - 0.1, weight="bold")
            for model, label in labels.items()
        }
        self._bounds = list(dict.fromkeys(map(bound, rows)))
        self._head = max(label.count("\n") + 1 for label in self._labels.values()) + 0.2
        self._lines = self._head + len(self._bounds) + 0.3
        self.height = self._lines * style.TEXT_SIZE * layout.LINE_HEIGHT

    def draw(self, axes: Axes) -> None:
        """Write the table into axes of its width and height."""
        axes.set_label("table")
        axes.set_axis_off()
        axes.set(xlim=(0, self._width), ylim=(self._lines, 0))
        for i, text in enumerate(self._bounds):
            axes.text(0, self._head + 0.6 + i, f"|w| < {text}", va="center_baseline")
        for i, (model, label) in enumerate(self._labels.items()):
            right = _FIRST_COLUMN + self._column * (i + 1)
            axes.text(right, self._head - 0.2, label, ha="right", va="bottom", weight="bold")
            for row in where(self._rows, model=model):
                middle = self._head + 0.6 + self._bounds.index(bound(row))
                axes.text(right, middle, _cell(row), ha="right", va="center_baseline")
        axes.plot([0, right], [self._head] * 2, color=style.INK, lw=style.THIN_WIDTH)


def _cell(row: Row) -> str:
    percent = 100 * row["share"]
    digits = f"{percent:#.3g}".rstrip(".")
    text = (_number(percent, 0.001) if "e" in digits else digits) + "\N{NO-BREAK SPACE}%"
    if row["excess"] is None:
        return text
    return text + f" ({100 * row['excess']:+.2f}\N{NO-BREAK SPACE}%)".replace("-", "−")


def bound(row: Row) -> str:
    """Return an element's threshold as people write it: 0.001, 2·10⁻⁶, 0.1σ."""
    return _number(row["threshold"], 1e-4) + ("σ" if row["relative"] else "")


def _number(value: float, smallest: float) -> str:
    """Write a number out from `smallest` on, and below by a power of ten."""
    if value >= smallest * (1 - 1e-9):
        return f"{value:.6g}"
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    power = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    factor = f"{float(mantissa):g}"
    return ("" if factor == "1" else f"{factor}·") + f"10{power}"
