"""Legends of figures of performance drops: the entries that several kinds share."""

from typing import Any

from matplotlib.artist import Artist
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from essential_sparsity.drawing import style
from essential_sparsity.drawing.curves import SIDEWAYS, Look
from essential_sparsity.drawing.elements import Row, names_of
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.drawing.task_panel import known

Models = dict[str, style.ModelStyle]


def colour_of(models: Models) -> str:
    """Return the colour of marks that are no model's: the only model's, or grey."""
    return next(iter(models.values())).colour if len(models) == 1 else style.GREY


def line(label: str, colour: str, **marks: Any) -> Line2D:
    """Return an entry; `marks` are matplotlib's properties of lines."""
    return Line2D([], [], **{"color": colour, "lw": style.LINE_WIDTH, "label": label, **marks})


def model_handles(models: Models, spec: FigureSpec, lines: bool) -> list[Artist]:
    """Return the models' entries, with their lines or without."""
    return [
        line(spec.model_label(name), look.colour, marker=look.marker, ms=style.MARKER_SIZE + 0.4,
             ls=look.line if lines else "none")
        for name, look in models.items()
    ]  # fmt: skip


def curve_title(look: Look, spec: FigureSpec) -> str:
    """Return the heading of `curve_handles`: the model whose curves they are, if it is one."""
    if len(look.models) > 1 or len(look.curves) == 1:
        return ""
    return spec.model_label(next(iter(look.models)))


def curve_handles(look: Look, spec: FigureSpec) -> list[Artist]:
    """Return the legend of who is who: the models, then the curves where there are several.

    Where all curves are of one model, they alone are there.
    """
    if len(look.curves) == 1:
        return model_handles(look.models, spec, lines=True)
    if len(look.models) == 1:
        return [
            line(label, own.colour, marker=own.marker, ms=style.MARKER_SIZE + 0.4, ls=own.line)
            for (_, (_, label)), own in look.styles.items()
        ]
    return [
        *model_handles(look.models, spec, lines=False),
        *(
            line(label, style.INK, ls=style.LINES[i % len(style.LINES)])
            for i, (_, label) in enumerate(look.curves)
        ),
    ]


def interval_words(confidence: float) -> str:
    """Return what intervals are called, such as `95 % interval`."""
    return f"{100 * confidence:g}\N{NO-BREAK SPACE}% interval"


def seed_handles(rows: list[Row], colour: str) -> list[Artist]:
    """Return the entry of single seeds, if there are several."""
    seeds = names_of((row for row in rows if row["element"] == "seed"), "seed")
    if len(seeds) < 2:
        return []
    return [line("single seeds", colour, ls="none", marker="o", ms=2.2, mfc="none", mew=0.5)]


def epsilon_handle(epsilon: float) -> Artist:
    """Return the entry of the line at ε."""
    label = f"ε = {epsilon:g} point{'' if epsilon == 1 else 's'}"
    return line(label, style.INK, lw=style.THIN_WIDTH)


def certified_handles(essential: list[Row], colour: str) -> list[Artist]:
    """Return the entries of certified bounds, and of there being none, as far as they are there."""
    tested = [row for row in essential if known(row["certified"])]
    handles: list[Artist] = [
        Patch(color=colour, alpha=style.BAR_ALPHA, lw=0, label=certified_words(level))
        for level in sorted({row["certification_level"] for row in tested if row["certified"]})
    ]
    if not all(row["certified"] for row in tested):
        handles.append(
            line("at 0: nothing certified", colour, ls="none", marker="|", ms=6,
                 mew=style.THIN_WIDTH)
        )  # fmt: skip
    return handles


def certified_words(level: float) -> str:
    """Return what the bars are called that end at a certified bound."""
    return f"certified: drop < ε ({100 * level:g}\N{NO-BREAK SPACE}%)"


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


def floor_handles(rows: list[Row], models: Models, spec: FigureSpec) -> list[Artist]:
    """Return the entries of controls and of the constant answer, as far as they are there."""
    controls = [row for row in rows if row["element"] == "control"]
    handles: list[Artist] = [
        line(label, own, ls=style.CONTROL_LINE)
        for label, own in _control_labels(controls, models, spec).items()
    ]
    if any(row["element"] == "constant" for row in rows):
        colour = colour_of(models)
        handles.append(line("constant answer", colour, ls=style.FLOOR_LINE, lw=style.THIN_WIDTH))
    return handles


def _control_labels(controls: list[Row], models: Models, spec: FigureSpec) -> dict[str, str]:
    """Return label → colour; controls of several models that share a label share a grey one."""
    colours: dict[str, set[str]] = {}
    for row in controls:
        label = f"{spec.models.get(row['model'], 'random start')}, dense"
        colours.setdefault(label, set()).add(models[row["control_of"]].colour)
    return {
        label: found.pop() if len(found) == 1 else style.GREY for label, found in colours.items()
    }
