"""Draws performance drops against N:M patterns (paper, Figure 5), unstructured masks beside them.

A pattern N:M keeps N of every M consecutive weights, so that it decides the sparsity, 1 − N/M. A
panel is a task, and its axis has the patterns in the order of their sparsities. Patterns of equal
sparsity share a stripe with the unstructured masks of that sparsity, hollow: what lies between full
and hollow marks is the price of the pattern. As in `drop.py`, the axis of drops points down. Above
a panel, a row a model, bars lie over the masks that are certified.
"""

from collections.abc import Iterable, Iterator

import pyarrow as pa
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from essential_sparsity.figures import drop_legend, layout, style
from essential_sparsity.figures.drop_data import (
    COLUMNS,
    DRAWN,
    control_rows,
    dense_rows,
    drop_words,
    epsilon_rows,
    essential_rows,
    mean_rows,
    names_of,
    seed_rows,
)
from essential_sparsity.figures.pattern_panel import PatternPanel, Places, fill_marks
from essential_sparsity.figures.spec import FigureSpec
from essential_sparsity.figures.stage import Row, Tables, run_drawing
from essential_sparsity.figures.task_panel import PANEL_HEIGHT, known, models_of
from essential_sparsity.statistics.spec import are_equal
from essential_sparsity.support.errors import UserError, run_stage

STAGE = "essential_sparsity.figures.pattern"

_FOOT = 0.44


def select_pattern(tables: Tables, spec: FigureSpec) -> pa.Table:
    """Return what the figure shows, an element a row, with the columns of `drop_data.DRAWN`.

    Of the masks without a pattern, those stay whose sparsity is a pattern's. `confidence` is that
    of the means' intervals.

    Raises:
        UserError: no mask has a pattern, a sparse run has no dense partner, or no essential
            sparsity is that of ε.
    """
    drops = tables["drop"].to_pylist()
    sparsities = {row["sparsity"] for row in drops if row["pattern"]}
    if not sparsities:
        raise UserError(
            "drop.parquet: pattern: no mask has an N:M pattern; a figure 'pattern' needs masks "
            "with 'patterns'"
        )

    def shown(rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            if any(are_equal(sparsity, row["sparsity"]) for sparsity in sparsities):
                yield row

    confidence = tables["essential"]["confidence"][0].as_py()
    rows = [
        *({**row, "confidence": confidence} for row in shown(mean_rows(drops))),
        *shown(seed_rows(tables["runs"].to_pylist())),
        *essential_rows(tables["essential"].to_pylist(), spec.epsilon),
        *dense_rows(drops),
        *control_rows(drops),
        *epsilon_rows(drops, spec.epsilon),
    ]
    return pa.Table.from_pylist(rows, DRAWN)


def draw_pattern(tables: Tables, spec: FigureSpec) -> Figure:
    """Draw a panel a task, a mark a mask and model; see the module for how to read it.

    Raises:
        UserError: see `select_pattern`.
    """
    with style.use_style():
        return _draw(select_pattern(tables, spec).to_pylist(), spec)


def _draw(rows: list[Row], spec: FigureSpec) -> Figure:
    models, places = models_of(rows, spec), Places(rows)
    tasks = names_of([row for row in rows if row["element"] == "mean"], "task")
    least = places.least_width(len(models))
    width = layout.panel_width(len(tasks), least)
    panels = [PatternPanel(rows, task, models, places, spec, width) for task in tasks]
    height = PANEL_HEIGHT[layout.panel_columns(len(tasks), least)]
    heads = [0.08 + panel.title_height + panel.strip_height for panel in panels]
    grid = layout.panel_grid(heads, height=height, foot=_FOOT, least=least)
    page = layout.Page(grid.page_width)
    for panel, place in zip(panels, grid.panels, strict=True):
        axes = page.axes(place.left, place.top, place.width, place.height)
        top = place.top - panel.strip_height
        panel.draw_strip(page.axes(place.left, top, place.width, panel.strip_height))
        panel.draw(axes)
        if place.leftmost:
            axes.set_ylabel(drop_words(rows))
        if place.lowest:
            axes.set_xlabel("Pattern N:M, sparsity (%)", labelpad=12)
    bottom = grid.bottom + 0.12
    bottom += page.legend(_who(models, places, spec), bottom)
    bottom += 0.06
    bottom += page.legend(_what(rows, models, spec), bottom)
    return page.finish(bottom + 0.06)


def _who(models: drop_legend.Models, places: Places, spec: FigureSpec) -> list[Artist]:
    """Return the legend of models and of masks."""
    handles = drop_legend.model_handles(models, spec, lines=False)
    colour = drop_legend.colour_of(models)
    marker = next(iter(models.values())).marker if len(models) == 1 else "o"
    for series in places.series:
        marks = fill_marks(places.fill(series))
        handles.append(
            drop_legend.line(series.label, colour, ls="none", marker=marker,
                             ms=style.MARKER_SIZE + 0.4, **marks)
        )  # fmt: skip
    return handles


def _what(rows: list[Row], models: drop_legend.Models, spec: FigureSpec) -> list[Artist]:
    """Return the legend of the marks that the figure has."""
    only = drop_legend.colour_of(models)
    handles: list[Artist] = []
    means = [row for row in rows if row["element"] == "mean"]
    if any(known(row["drop_low"], row["drop_high"]) for row in means):
        level = drop_legend.interval_words(means[0]["confidence"])
        handles.append(
            drop_legend.line(level, only, ls="none", marker="|", ms=8, mew=style.THIN_WIDTH)
        )
    return [
        *handles,
        *drop_legend.seed_handles(rows, only),
        drop_legend.epsilon_handle(spec.epsilon),
        *drop_legend.certified_handles(
            [r for r in rows if r["element"] == "essential" and r["certified"]], only
        ),
        *drop_legend.floor_handles(rows, models, spec),
    ]


def main() -> None:
    """Run the stage from the command line."""
    run_drawing(STAGE, COLUMNS, select_pattern, draw_pattern)


if __name__ == "__main__":
    run_stage(main)
