"""Draws performance drops against sparsity with the essential sparsity marked (paper, Figure 2).

Drops are positive and their axis points down, so that a curve falls where the model collapses, as a
score would, while its numbers stay those of the definition: the turning point is where the curve
falls through the line at ε. Random start and constant answer thus lie at the bottom, as floors.

Each panel, a task, has a strip of one row a curve above it, with the essential sparsity and its
interval; a thin line leads down to where it sits on the line at ε. In a strip, the intervals of
models that turn at nearly the same sparsity cannot cover each other or the curves.
"""

from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from essential_sparsity.figures import drop_legend, layout, style
from essential_sparsity.figures.drop_data import COLUMNS, drop_words, names_of, select_drop
from essential_sparsity.figures.drop_panel import CurvesPanel, Look, look_of
from essential_sparsity.figures.spec import FigureSpec
from essential_sparsity.figures.stage import Row, Tables, run_drawing
from essential_sparsity.figures.task_panel import PANEL_HEIGHT, known
from essential_sparsity.support.errors import run_stage

STAGE = "essential_sparsity.figures.drop"


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
    panels = [CurvesPanel(rows, task, look, spec, width) for task in tasks]
    strip = max(panel.strip_height for panel in panels)
    heads = [0.08 + panel.title_height + strip for panel in panels]
    height = PANEL_HEIGHT[layout.panel_columns(len(tasks))]
    grid = layout.panel_grid(heads, height=height, foot=0.30)
    page = layout.Page(grid.page_width)
    for panel, place in zip(panels, grid.panels, strict=True):
        axes = page.axes(place.left, place.top, place.width, place.height)
        top = place.top - panel.strip_height
        panel.draw_strip(page.axes(place.left, top, place.width, panel.strip_height))
        panel.draw_curves(axes)
        if place.leftmost:
            axes.set_ylabel(drop_words(rows))
        if place.lowest:
            axes.set_xlabel("Sparsity (% of prunable weights)")
    bottom = grid.bottom + 0.17
    curves = drop_legend.curve_handles(look, spec)
    bottom += page.legend(curves, bottom, drop_legend.curve_title(look, spec))
    bottom += 0.06
    bottom += page.legend(_mark_handles(rows, look, spec), bottom)
    return page.finish(bottom + 0.06)


def _mark_handles(rows: list[Row], look: Look, spec: FigureSpec) -> list[Artist]:
    """Return the legend of the marks that the figure has."""
    only = look.common_colour
    essential = [row for row in rows if row["element"] == "essential"]
    level = drop_legend.interval_words(essential[0]["confidence"])
    handles: list[Artist] = []
    if any(known(row["drop_low"], row["drop_high"]) for row in rows):
        handles.append(Patch(color=only, alpha=style.BAND_ALPHA, lw=0, label=level))
    handles += drop_legend.seed_handles(rows, only)
    handles.append(drop_legend.epsilon_handle(spec.epsilon))
    handles.append(
        drop_legend.line(f"essential sparsity, {level}", only, marker="|", ms=6,
                         mew=style.LINE_WIDTH)
    )  # fmt: skip
    handles += drop_legend.certified_handles(essential, only)
    handles += drop_legend.censoring_handles(essential, only)
    return handles + drop_legend.floor_handles(rows, look.models, spec)


def main() -> None:
    """Run the stage from the command line."""
    run_drawing(STAGE, COLUMNS, select_drop, draw_drop)


if __name__ == "__main__":
    run_stage(main)
