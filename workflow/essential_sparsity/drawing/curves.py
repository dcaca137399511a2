"""Curves and marks that several kinds of figures draw alike, and who looks how."""

from dataclasses import dataclass, replace
from typing import Any

from matplotlib.axes import Axes

from essential_sparsity.drawing import style
from essential_sparsity.drawing.rows import Row, known, numbers, where
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.drawing.task_panel import models_of

Curve = tuple[str, str]  # family of masks, and the family in words

SIDEWAYS = {"above": ">", "below": "<"}


@dataclass(frozen=True)
class Look:
    """Who looks how: a model by colour and marker, a curve of several by its line.

    Several curves of one model differ in colour and marker as well, which then say nothing else.
    """

    models: style.Models
    curves: list[Curve]
    styles: dict[tuple[str, Curve], style.ModelStyle]

    @classmethod
    def of(cls, rows: list[Row], spec: FigureSpec) -> "Look":
        """Return the look of every model and curve that `rows` (see `elements.DRAWN`) have."""
        means = where(rows, element="mean")
        curves = list(dict.fromkeys((row["family"], row["label"]) for row in means))
        models = models_of(means, spec)
        if len(curves) == 1:
            own = {(name, curves[0]): look for name, look in models.items()}
        elif len(models) == 1:
            ((name, look),) = models.items()
            several = style.curve_styles(look, len(spec.models), len(curves))
            own = {(name, curve): each for curve, each in zip(curves, several, strict=True)}
        else:
            own = {
                (name, curve): replace(look, line=style.LINES[i % len(style.LINES)])
                for name, look in models.items()
                for i, curve in enumerate(curves)
            }
        return cls(models, curves, own)

    def of_row(self, row: Row) -> style.ModelStyle:
        """Return the style of a row's curve."""
        return self.styles[row["model"], (row["family"], row["label"])]


def draw_curves(axes: Axes, rows: list[Row], look: Look, value: str) -> None:
    """Draw every curve: the interval's band, each seed's points, and the mean.

    `value` is the rows' column that is drawn; with `_low` and `_high`, its interval.
    """
    for family, label in look.curves:
        for model in look.models:
            own = where(rows, model=model, family=family, label=label)
            means, seeds = where(own, element="mean"), where(own, element="seed")
            if means:
                _draw_curve(axes, means, seeds, look.of_row(means[0]), value)


def _draw_curve(
    axes: Axes, means: list[Row], seeds: list[Row], own: style.ModelStyle, value: str
) -> None:
    sparsities = numbers(means, "sparsity")
    axes.fill_between(
        sparsities, numbers(means, f"{value}_low"), numbers(means, f"{value}_high"),
        color=own.colour, alpha=style.BAND_ALPHA, lw=0, label="band",
    )  # fmt: skip
    draw_seeds(axes, numbers(seeds, "sparsity"), numbers(seeds, value), own)
    axes.plot(
        sparsities, numbers(means, value), color=own.colour, ls=own.line,
        lw=style.LINE_WIDTH, marker=own.marker, ms=style.MARKER_SIZE, mec="white", mew=0.4,
        label="mean", zorder=3,
    )  # fmt: skip


def draw_seeds(axes: Axes, across: Any, values: Any, look: style.ModelStyle) -> None:
    """Draw single seeds' values behind the means."""
    axes.plot(across, values, marker=look.marker, mec=look.colour, alpha=0.55, label="seed",
              **style.SEED_MARKS)  # fmt: skip


def draw_certified(axes: Axes, height: float, row: Row, look: style.ModelStyle) -> None:
    """Draw a bar at `height` up to the certified sparsity, open at the grid's end.

    Where nothing is certified, there is but the bar's end, at 0.
    """
    if not known(row["certified"]):
        return
    axes.barh(height, row["certified"], height=0.66, color=look.colour, alpha=style.BAR_ALPHA,
              lw=0, label="certified")  # fmt: skip
    if not row["certified_censored"]:
        axes.plot([row["certified"]] * 2, [height - 0.33, height + 0.33], color=look.colour,
                  lw=style.THIN_WIDTH, label="bound", solid_capstyle="butt")  # fmt: skip


def draw_interval(
    axes: Axes, height: float, row: Row, look: style.ModelStyle, line: style.LineStyle = "solid"
) -> None:
    """Draw an essential sparsity and its interval at `height`; arrows point off the grid's end."""
    if known(row["sparsity_low"], row["sparsity_high"]):
        ends = [row["sparsity_low"], row["sparsity_high"]]
        axes.plot(ends, [height] * 2, color=look.colour, ls=line, lw=style.LINE_WIDTH,
                  label="interval")  # fmt: skip
        for x, censored in zip(ends, (row["low_censored"], row["high_censored"]), strict=True):
            axes.plot([x], [height], color=look.colour, marker=SIDEWAYS.get(censored, "|"),
                      ms=3.6, mew=0.9, label="end", clip_on=False)  # fmt: skip
    if known(row["sparsity"]):
        face = look.colour if row["resolved"] else "white"
        marker = SIDEWAYS.get(row["censored"], look.marker)
        axes.plot([row["sparsity"]], [height], color=look.colour, marker=marker, mfc=face,
                  ms=4.4, mew=0.8, label="estimate", clip_on=False, zorder=4)  # fmt: skip
