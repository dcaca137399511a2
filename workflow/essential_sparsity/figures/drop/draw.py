"""Draws performance drops against sparsity with the essential sparsity marked (paper, Figure 2).

Drops are positive and their axis points down, so that a curve falls where the model collapses, as a
score would, while its numbers stay those of the definition: the turning point is where the curve
falls through the line at ε. Random start and constant answer thus lie at the bottom, as floors.

Each panel, a task, has a strip of one row a curve above it, with the essential sparsity and its
interval; a thin line leads down to where it sits on the line at ε. In a strip, the intervals of
models that turn at nearly the same sparsity cannot cover each other or the curves.
"""

from dataclasses import dataclass

import pyarrow as pa
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from essential_sparsity.drawing import legends, style
from essential_sparsity.drawing.curves import Look, draw_certified, draw_curves, draw_interval
from essential_sparsity.drawing.elements import COLUMNS, DRAWN, axis_words, drop_elements
from essential_sparsity.drawing.rows import Row, Tables, known, names_of, where
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.drawing.task_panel import STRIP_ROW, TaskPanel, draw_panels

__all__ = ["COLUMNS", "draw", "select"]


def select(tables: Tables, spec: FigureSpec) -> pa.Table:
    """Return what the figure shows, an element a row; see `drop_elements`."""
    return pa.Table.from_pylist(drop_elements(tables, spec), DRAWN)


def draw(data: pa.Table, spec: FigureSpec) -> Figure:
    """Draw a panel a task, a line a model; see the module for how to read it."""
    rows = data.to_pylist()
    look = Look.of(rows, spec)
    page = draw_panels(
        lambda task, width: _CurvesPanel(rows, task, look.models, spec, width, look),
        names_of(where(rows, element="mean"), "task"),
        ("Sparsity (% of prunable weights)", axis_words(rows, "Drop in", "Performance drop")),
    )
    page.top += 0.17
    legends.add_curves(page, look, spec)
    page.legend(_mark_handles(rows, look, spec))
    return page.finish()


def _mark_handles(rows: list[Row], look: Look, spec: FigureSpec) -> list[Artist]:
    """Return the legend of the marks that the figure has."""
    only = style.common_style(look.styles.values()).colour
    essential = where(rows, element="essential")
    level = legends.interval_words(essential[0]["confidence"])
    has_bands = any(known(row["drop_low"], row["drop_high"]) for row in rows)
    marks = {"marker": "|", "ms": 6, "mew": style.LINE_WIDTH}
    return [
        *([legends.band_handle(level, only)] if has_bands else []),
        *legends.seed_handles(rows, only),
        legends.epsilon_handle(spec.epsilon),
        legends.line(f"essential sparsity, {level}", only, **marks),
        *legends.certified_handles(essential, only),
        *legends.censoring_handles(essential, only),
        *legends.floor_handles(rows, look.models, spec),
    ]


@dataclass
class _CurvesPanel(TaskPanel):
    """One task's panel: its strip and its curves."""

    look: Look

    @property
    def strip_height(self) -> float:
        """A row a curve."""
        return STRIP_ROW * len(self.look.models) * len(self.look.curves)

    def draw_strip(self, axes: Axes) -> None:
        """Draw a row a curve with its essential sparsity."""
        axes.set_facecolor(style.PALE)
        axes.spines[:].set_visible(False)
        axes.set(xticks=[], yticks=[], xlim=self._sparsity_limits(), label="strip")
        order = [(m, curve) for m in self.look.models for curve in self.look.curves]
        axes.set_ylim(len(order) - 0.5, -0.5)
        for row in self.of("essential"):
            height = order.index((row["model"], (row["family"], row["label"])))
            own = self.look.of_row(row)
            draw_certified(axes, height, row, own)
            line = own.line if len(self.look.curves) > 1 else "solid"
            draw_interval(axes, height, row, own, line)

    def draw(self, axes: Axes) -> None:
        """Draw bands, lines, seeds, floors, and the line at ε with what crosses it."""
        axes.set_label("curves")
        axes.set_xlim(self._sparsity_limits())
        self.draw_floors(axes)
        self.draw_epsilon(axes)
        draw_curves(axes, self.rows, self.look, "drop")
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
            colour = self.look.of_row(row).colour
            x, y = row["sparsity"], row["drop"]
            axes.plot([x, x], [top, y], color=colour, lw=style.THIN_WIDTH, label="lead")
            axes.plot([x], [y], color=colour, marker="|", ms=7.0, mew=style.LINE_WIDTH,
                      label="crossing", zorder=4)  # fmt: skip

    def _sparsity_limits(self) -> tuple[float, float]:
        last = max(row["sparsity"] for row in self.of("mean"))
        return -0.03 * last, 1.06 * last
