"""Draws performance drops against sparsity with the essential sparsity marked (paper, Figure 2).

Drops are positive and their axis points down, so that a curve falls where the model collapses, as a
score would, while its numbers stay those of the definition: the turning point is where the curve
falls through the line at ε. Random start and constant answer thus lie at the bottom, as floors.

Each panel, a task, has a strip of one row a curve above it, with the essential sparsity and its
interval; a thin line leads down to where it sits on the line at ε. In a strip, the intervals of
models that turn at nearly the same sparsity cannot cover each other or the curves.
"""

import pyarrow as pa
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from essential_sparsity.drawing import layout, legends, style
from essential_sparsity.drawing.curves import (
    Look,
    draw_certified,
    draw_curve,
    draw_interval,
    look_of,
)
from essential_sparsity.drawing.elements import (
    COLUMNS,
    DRAWN,
    Row,
    Tables,
    control_rows,
    dense_rows,
    drop_words,
    epsilon_rows,
    essential_rows,
    mean_rows,
    names_of,
    seed_rows,
)
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.drawing.task_panel import PANEL_HEIGHT, STRIP_ROW, TaskPanel, known

__all__ = ["COLUMNS", "draw", "select"]


def select(tables: Tables, spec: FigureSpec) -> pa.Table:
    """Return what the figure shows, an element a row, with the columns of `DRAWN`.

    Raises:
        UserError: a sparse run has no dense partner, or no essential sparsity is that of ε.
    """
    drops = tables["drop"].to_pylist()
    rows = [
        *mean_rows(drops),
        *seed_rows(tables["runs"].to_pylist()),
        *essential_rows(tables["essential"].to_pylist(), spec.epsilon),
        *dense_rows(drops),
        *control_rows(drops),
        *epsilon_rows(drops, spec.epsilon),
    ]
    return pa.Table.from_pylist(rows, DRAWN)


def draw(tables: Tables, spec: FigureSpec) -> Figure:
    """Draw a panel a task, a line a model; see the module for how to read it.

    Raises:
        UserError: see `select`.
    """
    with style.use_style():
        return _draw(select(tables, spec).to_pylist(), spec)


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
    curves = legends.curve_handles(look, spec)
    bottom += page.legend(curves, bottom, legends.curve_title(look, spec))
    bottom += 0.06
    bottom += page.legend(_mark_handles(rows, look, spec), bottom)
    return page.finish(bottom + 0.06)


def _mark_handles(rows: list[Row], look: Look, spec: FigureSpec) -> list[Artist]:
    """Return the legend of the marks that the figure has."""
    only = look.common_colour
    essential = [row for row in rows if row["element"] == "essential"]
    level = legends.interval_words(essential[0]["confidence"])
    handles: list[Artist] = []
    if any(known(row["drop_low"], row["drop_high"]) for row in rows):
        handles.append(Patch(color=only, alpha=style.BAND_ALPHA, lw=0, label=level))
    handles += legends.seed_handles(rows, only)
    handles.append(legends.epsilon_handle(spec.epsilon))
    handles.append(
        legends.line(f"essential sparsity, {level}", only, marker="|", ms=6,
                         mew=style.LINE_WIDTH)
    )  # fmt: skip
    handles += legends.certified_handles(essential, only)
    handles += legends.censoring_handles(essential, only)
    return handles + legends.floor_handles(rows, look.models, spec)


class CurvesPanel(TaskPanel):
    """One task's panel: its title, its strip and its curves."""

    def __init__(
        self, rows: list[Row], task: str, look: Look, spec: FigureSpec, width: float
    ) -> None:
        super().__init__(rows, task, look.models, spec, width)
        self._look = look
        self.strip_height = STRIP_ROW * len(look.models) * len(look.curves)

    def draw_strip(self, axes: Axes) -> None:
        """Draw title and dense scores, and a row a curve with its essential sparsity."""
        axes.set_facecolor(style.PALE)
        axes.spines[:].set_visible(False)
        axes.set(xticks=[], yticks=[], xlim=self._sparsity_limits(), label="strip")
        order = [(m, curve) for m in self._look.models for curve in self._look.curves]
        axes.set_ylim(len(order) - 0.5, -0.5)
        for row in self.of("essential"):
            curve = row["family"], row["label"]
            height = order.index((row["model"], curve))
            draw_certified(axes, height, row, self._look.of(row))
            draw_interval(axes, height, row, self._look.of(row), self._line(row))
        self.draw_title(axes)

    def draw_curves(self, axes: Axes) -> None:
        """Draw bands, lines, seeds, floors, and the line at ε with what crosses it."""
        axes.set_label("curves")
        axes.set_xlim(self._sparsity_limits())
        self.draw_floors(axes)
        self.draw_epsilon(axes)
        for curve in self._look.curves:
            for model in self._look.models:
                draw_curve(axes, self.of("mean"), self.of("seed"), model, curve, self._look)
        self.limit_drops(axes)
        self._draw_crossings(axes)
        style.percent_axis(axes.xaxis)

    def _draw_crossings(self, axes: Axes) -> None:
        """Mark where curves cross the line at ε, and lead up to the strip.

        One that does not within the tested sparsities has but its arrow in the strip.
        """
        top = axes.get_ylim()[1]
        for row in self.of("essential"):
            if not known(row["sparsity"]) or row["censored"]:
                continue
            colour = self._look.of(row).colour
            x, y = row["sparsity"], row["drop"]
            axes.plot([x, x], [top, y], color=colour, lw=style.THIN_WIDTH, label="lead")
            axes.plot([x], [y], color=colour, marker="|", ms=7.0, mew=style.LINE_WIDTH,
                      label="crossing", zorder=4)  # fmt: skip

    def _line(self, row: Row) -> style.LineStyle:
        """Return the line of a row's interval: where there are several curves, the curve's."""
        return "solid" if len(self._look.curves) == 1 else self._look.of(row).line

    def _sparsity_limits(self) -> tuple[float, float]:
        last = max(row["sparsity"] for row in self.of("mean"))
        return -0.03 * last, 1.06 * last
