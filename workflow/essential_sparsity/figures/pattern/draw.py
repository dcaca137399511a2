"""Draws performance drops against N:M patterns (paper, Figure 5), unstructured masks beside them.

A pattern N:M keeps N of every M consecutive weights, so that it decides the sparsity, 1 − N/M. A
panel is a task, and its axis has the patterns in the order of their sparsities. Patterns of equal
sparsity share a stripe with the unstructured masks of that sparsity, hollow: what lies between full
and hollow marks is the price of the pattern. As in `drop`, the axis of drops points down. Above
a panel, a row a model, bars lie over the masks that are certified.
"""

from collections.abc import Iterable, Iterator

import pyarrow as pa
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from essential_sparsity.drawing import layout, legends, style
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
from essential_sparsity.drawing.task_panel import PANEL_HEIGHT, known, models_of
from essential_sparsity.figures.pattern.panel import PatternPanel, Places, fill_marks
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.spec import equal_sparsities

__all__ = ["COLUMNS", "draw", "select"]

_FOOT = 0.44


def select(tables: Tables, spec: FigureSpec) -> pa.Table:
    """Return what the figure shows, an element a row, with the columns of `elements.DRAWN`.

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
            if any(equal_sparsities(sparsity, row["sparsity"]) for sparsity in sparsities):
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


def draw(tables: Tables, spec: FigureSpec) -> Figure:
    """Draw a panel a task, a mark a mask and model; see the module for how to read it.

    Raises:
        UserError: see `select`.
    """
    with style.use_style():
        return _draw(select(tables, spec).to_pylist(), spec)


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


def _who(models: legends.Models, places: Places, spec: FigureSpec) -> list[Artist]:
    """Return the legend of models and of masks."""
    handles = legends.model_handles(models, spec, lines=False)
    colour = legends.colour_of(models)
    marker = next(iter(models.values())).marker if len(models) == 1 else "o"
    for series in places.series:
        marks = fill_marks(places.fill(series))
        handles.append(
            legends.line(series.label, colour, ls="none", marker=marker,
                             ms=style.MARKER_SIZE + 0.4, **marks)
        )  # fmt: skip
    return handles


def _what(rows: list[Row], models: legends.Models, spec: FigureSpec) -> list[Artist]:
    """Return the legend of the marks that the figure has."""
    only = legends.colour_of(models)
    handles: list[Artist] = []
    means = [row for row in rows if row["element"] == "mean"]
    if any(known(row["drop_low"], row["drop_high"]) for row in means):
        level = legends.interval_words(means[0]["confidence"])
        handles.append(legends.line(level, only, ls="none", marker="|", ms=8, mew=style.THIN_WIDTH))
    return [
        *handles,
        *legends.seed_handles(rows, only),
        legends.epsilon_handle(spec.epsilon),
        *legends.certified_handles(
            [r for r in rows if r["element"] == "essential" and r["certified"]], only
        ),
        *legends.floor_handles(rows, models, spec),
    ]
