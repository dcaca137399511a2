"""Draws performance drops against sparsity with the essential sparsity marked (paper, Figure 2).

Drops are positive and their axis points down, so that a curve falls where the model collapses, as a
score would, while its numbers stay those of the definition: the turning point is where the curve
falls through the line at ε. Random start and majority answer thus lie at the bottom, as floors.

Each panel, a task, has a strip of one row a curve above it, with the essential sparsity and its
interval; a thin line leads down to where it sits on the line at ε. In a strip, the intervals of
models that turn at nearly the same sparsity cannot cover each other or the curves.
"""

from typing import Any

from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from essential_sparsity.errors import run_stage
from essential_sparsity.figures import layout, style
from essential_sparsity.figures.drop_data import COLUMNS, names_of, select_drop
from essential_sparsity.figures.drop_panel import SIDEWAYS, Curve, Look, Panel, known, look_of
from essential_sparsity.figures.spec import FigureSpec
from essential_sparsity.figures.stage import Row, Tables, run_drawing

STAGE = "essential_sparsity.figures.drop"

_PANEL_HEIGHT = {1: 1.95, 2: 1.75, 3: 1.5}  # inches, by how many stand side by side
_UNRESOLVED = "unresolved: noise exceeds ε"


def draw_drop(tables: Tables, spec: FigureSpec) -> Figure:
    """Draw a panel a task, a line a model; see the module for how to read it.

    Raises:
        UserError: see `select_drop`.
    """
    with style.use_style():
        return _draw(select_drop(tables, spec).to_pylist(), spec)


def _draw(rows: list[Row], spec: FigureSpec) -> Figure:
    look = look_of(rows, spec)
    tasks = names_of([row for row in rows if row["element"] == "mean"], "task")
    width = layout.panel_width(len(tasks))
    panels = [Panel(rows, task, look, spec, width) for task in tasks]
    strip = max(panel.strip_height for panel in panels)
    heads = [0.08 + panel.title_height + strip for panel in panels]
    height = _PANEL_HEIGHT[layout.panel_columns(len(tasks))]
    grid = layout.panel_grid(heads, height=height, foot=0.30)
    page = layout.Page(grid.page_width)
    for panel, place in zip(panels, grid.panels, strict=True):
        axes = page.axes(place.left, place.top, place.width, place.height)
        top = place.top - panel.strip_height
        panel.draw_strip(page.axes(place.left, top, place.width, panel.strip_height))
        panel.draw_curves(axes)
        if place.leftmost:
            axes.set_ylabel("Performance drop (points)")
        if place.lowest:
            axes.set_xlabel("Sparsity (% of prunable weights)")
    bottom = grid.bottom + 0.17
    bottom += page.legend(_model_handles(look, spec), bottom)
    bottom += 0.06
    bottom += page.legend(_mark_handles(rows, look, spec), bottom)
    return page.finish(bottom + 0.06)


def _curve_label(curve: Curve, curves: list[Curve]) -> str:
    """Return what tells the curve from the others: its criterion, its scope, or both."""
    criterion, scope = curve
    if len({c for c, _ in curves}) == len(curves):
        return criterion
    if len({s for _, s in curves}) == len(curves):
        return f"{scope} scope"
    return f"{criterion}, {scope} scope"


def _model_handles(look: Look, spec: FigureSpec) -> list[Artist]:
    """Return the legend of who is who: the models, then the curves where there are several."""
    several = len(look.curves) > 1
    handles: list[Artist] = [
        Line2D([], [], color=model.colour, marker=model.marker, ms=style.MARKER_SIZE + 0.4,
               ls="none" if several else model.line, lw=style.LINE_WIDTH,
               label=spec.model_label(name))
        for name, model in look.models.items()
    ]  # fmt: skip
    if several:
        handles += [
            Line2D([], [], color=style.INK, ls=style.LINES[i % len(style.LINES)],
                   lw=style.LINE_WIDTH, label=_curve_label(curve, look.curves))
            for i, curve in enumerate(look.curves)
        ]  # fmt: skip
    return handles


def _mark_handles(rows: list[Row], look: Look, spec: FigureSpec) -> list[Artist]:
    """Return the legend of the marks that the figure has, in the models' colour if it has one."""
    of = {name: [r for r in rows if r["element"] == name] for name in names_of(rows, "element")}
    only = next(iter(look.models.values())).colour if len(look.models) == 1 else style.GREY

    def line(label: str, **marks: Any) -> Line2D:
        return Line2D([], [], **{"color": only, "lw": style.LINE_WIDTH, "label": label, **marks})

    essential = of["essential"]
    level = f"{100 * essential[0]['confidence']:g}\N{NO-BREAK SPACE}% interval"
    handles: list[Artist] = []
    if any(known(row["drop_low"], row["drop_high"]) for row in rows):
        handles.append(Patch(color=only, alpha=0.25, lw=0, label=level))
    if len(names_of(of.get("seed", []), "seed")) > 1:
        handles.append(line("single seeds", ls="none", marker="o", ms=2.2, mfc="none", mew=0.5))
    points = "point" if spec.epsilon == 1 else "points"
    label = f"ε = {spec.epsilon:g} {points}"
    handles.append(line(label, color=style.INK, lw=style.THIN_WIDTH))
    handles.append(line(f"essential sparsity, {level}", marker="|", ms=6, mew=style.LINE_WIDTH))
    ends = {r[key] for r in essential for key in ("censored", "low_censored", "high_censored")}
    for end in sorted(ends & set(SIDEWAYS)):
        where = {
            "above": "above the last tested sparsity",
            "below": "below the first tested sparsity",
        }[end]
        handles.append(line(where, ls="none", marker=SIDEWAYS[end], ms=4.0))
    if not all(row["resolved"] for row in essential):
        handles.append(line(_UNRESOLVED, ls="none", marker="o", mfc="white", ms=4.4, mew=0.8))
    handles += [
        line(label, color=colour, ls=style.CONTROL_LINE)
        for label, colour in _control_labels(of.get("control", []), look, spec).items()
    ]
    handles.append(line("majority answer", ls=style.FLOOR_LINE, lw=style.THIN_WIDTH))
    return handles


def _control_labels(controls: list[Row], look: Look, spec: FigureSpec) -> dict[str, str]:
    """Return label → colour; controls of several models that share a label share a grey one."""
    colours: dict[str, set[str]] = {}
    for row in controls:
        label = f"{spec.models.get(row['model'], 'random start')}, dense"
        colours.setdefault(label, set()).add(look.models[row["control_of"]].colour)
    return {
        label: found.pop() if len(found) == 1 else style.GREY for label, found in colours.items()
    }


def main() -> None:
    """Run the stage from the command line."""
    run_drawing(STAGE, COLUMNS, select_drop, draw_drop)


if __name__ == "__main__":
    run_stage(main)
