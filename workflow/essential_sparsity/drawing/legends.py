"""Legends of figures of performance drops: the entries that several kinds share."""

from typing import Any

from matplotlib.artist import Artist
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from essential_sparsity.drawing import style
from essential_sparsity.drawing.curves import SIDEWAYS, Look
from essential_sparsity.drawing.layout import Page
from essential_sparsity.drawing.rows import Row, known, names_of, where
from essential_sparsity.drawing.spec import FigureSpec


def line(label: str, colour: str, **marks: Any) -> Line2D:
    """Return an entry; `marks` are matplotlib's properties of lines."""
    return Line2D([], [], **{"color": colour, "lw": style.LINE_WIDTH, "label": label, **marks})


def model_handles(models: style.Models, spec: FigureSpec, lines: bool) -> list[Artist]:
    """Return the models' entries, with their lines or without."""
    return [
        line(spec.model_label(name), look.colour, marker=look.marker, ms=style.MARKER_SIZE + 0.4,
             ls=look.line if lines else "none")
        for name, look in models.items()
    ]  # fmt: skip


def add_curves(page: Page, look: Look, spec: FigureSpec) -> None:
    """Add the legend of who is who: the models, then the curves where there are several.

    Where all curves are of one model, they alone are there, below its name.
    """
    title = ""
    if len(look.curves) == 1:
        handles = model_handles(look.models, spec, lines=True)
    elif len(look.models) == 1:
        title = spec.model_label(next(iter(look.models)))
        handles = [
            line(label, own.colour, marker=own.marker, ms=style.MARKER_SIZE + 0.4, ls=own.line)
            for (_, (_, label)), own in look.styles.items()
        ]
    else:
        handles = model_handles(look.models, spec, lines=False)
        for i, (_, label) in enumerate(look.curves):
            handles.append(line(label, style.INK, ls=style.LINES[i % len(style.LINES)]))
    page.legend(handles, title)


def interval_words(confidence: float) -> str:
    """Return what intervals are called, such as `95 % interval`."""
    return f"{100 * confidence:g}\N{NO-BREAK SPACE}% interval"


def band_handle(label: str, colour: str) -> Artist:
    """Return the entry of intervals that are bands."""
    return Patch(color=colour, alpha=style.BAND_ALPHA, lw=0, label=label)


def seed_handles(rows: list[Row], colour: str) -> list[Artist]:
    """Return the entry of single seeds, if there are several."""
    if len(names_of(where(rows, element="seed"), "seed")) < 2:
        return []
    return [line("single seeds", colour, marker="o", **style.SEED_MARKS)]


def epsilon_handle(epsilon: float) -> Artist:
    """Return the entry of the line at ε."""
    label = f"ε = {epsilon:g} point{'' if epsilon == 1 else 's'}"
    return line(label, style.INK, lw=style.THIN_WIDTH)


def certified_handles(essential: list[Row], colour: str) -> list[Artist]:
    """Return the entries of certified bounds, and of there being none, as far as they are there."""
    tested = [row for row in essential if known(row["certified"])]
    handles: list[Artist] = [
        Patch(color=colour, alpha=style.BAR_ALPHA, lw=0,
              label=f"certified: drop < ε ({100 * level:g}\N{NO-BREAK SPACE}%)")
        for level in sorted({row["certification_level"] for row in tested if row["certified"]})
    ]  # fmt: skip
    if not all(row["certified"] for row in tested):
        handles.append(
            line("at 0: nothing certified", colour, ls="none", marker="|", ms=6,
                 mew=style.THIN_WIDTH)
        )  # fmt: skip
    return handles


def censoring_handles(essential: list[Row], colour: str) -> list[Artist]:
    """Return the entries of values off the grid's ends, and of those that are not resolved."""
    ends = {r[key] for r in essential for key in ("censored", "low_censored", "high_censored")}
    handles: list[Artist] = [
        line(_BEYOND[end], colour, ls="none", marker=SIDEWAYS[end], ms=4.0)
        for end in sorted(ends & set(SIDEWAYS))
    ]
    if not all(row["resolved"] for row in essential):
        handles.append(
            line(_UNRESOLVED, colour, ls="none", marker="o", mfc="white", ms=4.4, mew=0.8)
        )
    return handles


_BEYOND = {"above": "above the last tested sparsity", "below": "below the first tested sparsity"}
_UNRESOLVED = "unresolved: noise exceeds ε"


def floor_handles(rows: list[Row], models: style.Models, spec: FigureSpec) -> list[Artist]:
    """Return the entries of controls and of the constant answer, as far as they are there.

    Controls of several models that share a label share a grey one.
    """
    colours: dict[str, set[str]] = {}
    for row in where(rows, element="control"):
        label = f"{spec.models.get(row['model'], 'random start')}, dense"
        colours.setdefault(label, set()).add(models[row["control_of"]].colour)
    handles: list[Artist] = [
        line(label, own.pop() if len(own) == 1 else style.GREY, ls=style.CONTROL_LINE)
        for label, own in colours.items()
    ]
    if where(rows, element="constant"):
        colour = style.common_style(models.values()).colour
        handles.append(line("constant answer", colour, ls=style.FLOOR_LINE, lw=style.THIN_WIDTH))
    return handles
