"""Draws by how much one kind of masks scores better than another, against sparsity (Figure 9).

A panel is a task. Zero, where both kinds score alike, is a line: a curve above it is that of masks
that are better than the baseline's at this sparsity.
"""

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from essential_sparsity.figures import drop_legend, layout, style
from essential_sparsity.figures.difference_data import COLUMNS, select_difference
from essential_sparsity.figures.drop_data import axis_words, names_of
from essential_sparsity.figures.drop_panel import Look, draw_curve, look_of
from essential_sparsity.figures.spec import FigureSpec
from essential_sparsity.figures.stage import Row, Tables, run_drawing
from essential_sparsity.figures.task_panel import PANEL_HEIGHT, TaskPanel, known
from essential_sparsity.support.errors import run_stage

STAGE = "essential_sparsity.figures.difference"

_NO_BREAK = "\N{NO-BREAK SPACE}"

_SHOWN = ("difference", "difference_low", "difference_high")


def draw_difference(tables: Tables, spec: FigureSpec) -> Figure:
    """Draw a panel a task, a line a model and family; see the module for how to read it.

    Raises:
        UserError: see `select_difference`.
    """
    with style.use_style():
        return _draw(select_difference(tables, spec).to_pylist(), spec)


def _draw(rows: list[Row], spec: FigureSpec) -> Figure:
    look = look_of(rows, spec)
    means = [row for row in rows if row["element"] == "mean"]
    tasks = names_of(means, "task")
    width = layout.panel_width(len(tasks))
    panels = [_DifferencePanel(rows, task, look, spec, width) for task in tasks]
    height = PANEL_HEIGHT[layout.panel_columns(len(tasks))]
    heads = [0.08 + panel.title_height for panel in panels]
    grid = layout.panel_grid(heads, height=height, foot=0.30)
    page = layout.Page(grid.page_width)
    for panel, place in zip(panels, grid.panels, strict=True):
        axes = page.axes(place.left, place.top, place.width, place.height)
        panel.draw(axes)
        if place.leftmost:
            axes.set_ylabel(axis_words(rows, "Difference in", "Score difference"))
        if place.lowest:
            axes.set_xlabel("Sparsity (% of prunable weights)")
    bottom = grid.bottom + 0.17
    curves = drop_legend.curve_handles(look, spec)
    bottom += page.legend(curves, bottom, drop_legend.curve_title(look, spec)) + 0.06
    bottom += page.legend(_mark_handles(rows, look), bottom) + 0.06
    bottom += page.note(_words(means, look), bottom)
    return page.finish(bottom + 0.06)


class _DifferencePanel(TaskPanel):
    """One task's panel, of the rows (see `difference_data.DRAWN`) that are its own."""

    def __init__(
        self, rows: list[Row], task: str, look: Look, spec: FigureSpec, width: float
    ) -> None:
        super().__init__(rows, task, look.models, spec, width)
        self._look = look

    def draw(self, axes: Axes) -> None:
        """Draw title, zero, and every curve with its interval and seeds."""
        axes.set_label("differences")
        self.draw_title(axes)
        axes.axhline(0, color=style.INK, lw=style.THIN_WIDTH, label="zero")
        means, seeds = self.of("mean"), self.of("seed")
        for curve in self._look.curves:
            for model in self._look.models:
                draw_curve(axes, means, seeds, model, curve, self._look, "difference")
        sparsities = [row["sparsity"] for row in means]
        room = 0.06 * (max(sparsities) - min(sparsities)) or 0.05
        axes.set_xlim(min(sparsities) - room, max(sparsities) + room)
        self._widen_lone_bands(axes, room / 4)
        self._limit(axes)
        style.percent_axis(axes.xaxis)

    def _widen_lone_bands(self, axes: Axes, half: float) -> None:
        """Draw the intervals of curves of a single point so wide that they are seen."""
        curves: dict[tuple[str, str], list[Row]] = {}
        for row in self.of("mean"):
            curves.setdefault((row["model"], row["family"]), []).append(row)
        for (row,) in (rows for rows in curves.values() if len(rows) == 1):
            axes.fill_between(
                [row["sparsity"] - half, row["sparsity"] + half],
                row["difference_low"], row["difference_high"],
                color=self._look.of(row).colour, alpha=style.BAND_ALPHA, lw=0,
                label="lone band",
            )  # fmt: skip

    def _limit(self, axes: Axes) -> None:
        """Let the axis hold zero and all that is drawn."""
        rows = [*self.of("mean"), *self.of("seed")]
        shown = [0.0, *(row[key] for row in rows for key in _SHOWN if known(row[key]))]
        room = 0.06 * (max(shown) - min(shown)) or 1.0
        axes.set_ylim(min(shown) - room, max(shown) + room)
        axes.yaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))


def _mark_handles(rows: list[Row], look: Look) -> list[Artist]:
    """Return the legend of the marks that the figure has."""
    colour = look.common_colour
    level = drop_legend.interval_words(rows[0]["confidence"])
    band = Patch(color=colour, alpha=style.BAND_ALPHA, lw=0, label=level)
    return [band, *drop_legend.seed_handles(rows, colour)]


def _words(means: list[Row], look: Look) -> str:
    """Return what is compared with what, and which side of zero is the better one."""
    baseline = means[0]["baseline_label"]
    if len(look.curves) == 1:
        words, better = f"“{look.curves[0][1]}” minus “{baseline}”:", "the former is better."
    else:
        words, better = f"Each minus “{baseline}” of the same sparsity:", "better than that."
    # Where the line has to break, it breaks before this.
    return f"{words} {f'above 0, {better}'.replace(' ', _NO_BREAK)}"


def main() -> None:
    """Run the stage from the command line."""
    run_drawing(STAGE, COLUMNS, select_difference, draw_difference)


if __name__ == "__main__":
    run_stage(main)
