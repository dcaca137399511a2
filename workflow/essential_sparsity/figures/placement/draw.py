"""Draws where the removed weights lie (paper, Figure 1): a row of two panels a model and mask.

Left, the **rate** at which each matrix loses weights, by module and layer. Right, each module's
**share** of all removed weights, over its share of all prunable weights: as the feed-forward
matrices hold most weights, they hold most removed ones even where the removal does not favour them.
The ratio of the two parts' rates says whether it does.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from essential_sparsity.drawing import layout, style
from essential_sparsity.drawing.masks import (
    MASK_COLUMNS,
    OF_MASK,
    draw_scale,
    ink_on,
    mask_title,
    module_label,
    rate_colours,
    without_dense,
)
from essential_sparsity.drawing.rows import Row, Tables, grouped, where
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.support.tables import columns

COLUMNS = {"placement": {*OF_MASK, "layer", "module", "part", "weights", "removed"}}

_NUMBER, _TEXT = pa.float64(), pa.string()

# What is drawn: an element a row; rates, shares and sparsities lie in [0, 1].
DRAWN = pa.schema(
    [
        ("element", _TEXT),  # rate (a cell), share (a pair of bars) or ratio
        *MASK_COLUMNS,
        ("layer", pa.int64()),
        *columns(_TEXT, "module", "part"),
        *columns(_NUMBER, "rate", "share", "base_share"),
        ("ratio", _NUMBER),  # the feed-forward part's rate over the attention part's
    ]
)

_ATTENTION, _FEED_FORWARD, _POOLER = "attention", "feed_forward", "pooler"
_PART_COLOURS = {_ATTENTION: style.BLUE, _FEED_FORWARD: style.VERMILION, _POOLER: style.PURPLE}

_LABELS, _HEAT, _BAR, _BARS = 1.05, 2.9, 0.08, 2.1  # widths in inches, from left to right
_BAR_GAP, _BARS_GAP = 0.07, 0.58
_ROW = 0.27  # a module's height
_HEAD, _FOOT = 0.26, 0.42
_LEGIBLE = 1.25  # a number needs this much of its own width in its cell


def select(tables: Tables, spec: FigureSpec) -> pa.Table:
    """Return what the figure shows, an element a row, with the columns of `DRAWN`.

    Matrices that share layer and module are counted together. Dense masks are left out.
    """
    del spec  # labels only, which are no data
    rows = without_dense(tables["placement"], "placement").to_pylist()
    drawn = [
        {**mask, **element}
        for mask, of_mask in grouped(rows, *OF_MASK)
        for element in _elements(of_mask)
    ]
    return pa.Table.from_pylist(drawn, DRAWN)


def _elements(rows: list[Row]) -> Iterator[Row]:
    """Yield one mask's cells, pairs of bars and ratio."""
    weights, removed = _counts(rows)
    for place, matrices in grouped(rows, "module", "part", "layer"):
        total, gone = _counts(matrices)
        yield {"element": "rate", **place, "rate": gone / total}
    for place, matrices in grouped(rows, "module", "part"):
        total, gone = _counts(matrices)
        share = gone / removed if removed else 0.0
        yield {"element": "share", **place, "share": share, "base_share": total / weights}
    rates = {}
    for place, matrices in grouped(rows, "part"):
        total, gone = _counts(matrices)
        rates[place["part"]] = gone / total
    # Undefined where a part is absent or loses nothing.
    if rates.get(_ATTENTION) and _FEED_FORWARD in rates:
        yield {"element": "ratio", "ratio": rates[_FEED_FORWARD] / rates[_ATTENTION]}


def _counts(rows: list[Row]) -> tuple[int, int]:
    return sum(row["weights"] for row in rows), sum(row["removed"] for row in rows)


def draw(data: pa.Table, spec: FigureSpec) -> Figure:
    """Draw a row a model and mask: rates by module and layer, and shares by module."""
    rows = data.to_pylist()
    page = layout.Page(style.DOUBLE_WIDTH, 0.02)
    for _, of_mask in grouped(rows, "model", "mask"):
        _draw_mask(page, of_mask, spec)
    page.top += 0.04
    parts = {row["part"] for row in where(rows, element="share")}
    drawn = [part for part in _PART_COLOURS if part in parts or part != _POOLER]
    handles: list[Artist] = [
        Patch(color=_PART_COLOURS[part], label=f"share of removed weights, {module_label(part)}")
        for part in drawn
    ]
    page.legend([*handles, Patch(color=style.SILVER, label="share of prunable weights")])
    return page.finish()


def _draw_mask(page: layout.Page, rows: list[Row], spec: FigureSpec) -> None:
    """Draw one mask's row of panels."""
    shares = where(rows, element="share")
    # The title may run from the page's edge to the other panel's.
    left = _LABELS + _HEAT + _BAR_GAP
    room = left + _BAR + _BARS_GAP - 0.2
    title = layout.wrap_text(mask_title(rows[0], spec), room, style.TITLE_SIZE, "bold")
    page.top += _HEAD + layout.text_height(title, style.TITLE_SIZE) - style.TITLE_SIZE * 1.3 / 72
    height = _ROW * len(shares)

    heat = page.axes(_LABELS, page.top, _HEAT, height)
    mesh = _draw_rates(heat, where(rows, element="rate"), [row["module"] for row in shares], height)
    above = page.top - 4 / 72
    page.text(title, 0.1, above, size=style.TITLE_SIZE, weight="bold", va="bottom")
    draw_scale(page.axes(left, page.top, _BAR, height), mesh, "Rate (% of matrix)")
    bars = page.axes(left + _BAR + _BARS_GAP, page.top, _BARS, height)
    _draw_shares(bars, shares)
    ratios = [f"{row['ratio']:.2f}" for row in where(rows, element="ratio")] or ["not defined"]
    bars.set_title(f"Rate ratio feed-forward / attention: {ratios[0]}", loc="left", pad=4,
                   fontsize=style.TEXT_SIZE)  # fmt: skip
    page.top += height + _FOOT


def _draw_rates(axes: Axes, cells: list[Row], modules: list[str], height: float) -> QuadMesh:
    """Draw the heat map, modules downwards and layers to the right; blank where there is none."""
    layers = max(row["layer"] for row in cells) + 1
    rates = np.full((len(modules), layers), np.nan)
    for row in cells:
        rates[modules.index(row["module"]), row["layer"]] = row["rate"]
    edges_x, edges_y = np.arange(layers + 1) - 0.5, np.arange(len(modules) + 1) - 0.5
    mesh = axes.pcolormesh(
        edges_x, edges_y, rates, cmap=style.COLOUR_MAP,
        norm=rate_colours(float(np.nanmin(rates)), float(np.nanmax(rates))),
        edgecolors="white", linewidth=0.4, label="rates",
    )  # fmt: skip
    axes.invert_yaxis()
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_yticks(range(len(modules)), [module_label(module) for module in modules])
    parts = {row["module"]: row["part"] for row in cells}
    for below, (upper, lower) in enumerate(pairwise(modules)):
        if parts[upper] != parts[lower]:
            axes.axhline(below + 0.5, color="white", lw=2.5)
    axes.xaxis.set_major_locator(MaxNLocator(min(layers, 12), integer=True))
    axes.set_xlim(-0.5, layers - 0.5)
    axes.set_xlabel("Layer")
    _write_rates(axes, mesh, rates, _HEAT / layers, height / len(modules))
    return mesh


def _write_rates(
    axes: Axes, mesh: QuadMesh, rates: npt.NDArray[np.float64], width: float, height: float
) -> None:
    """Write the rates in percent into cells of `width` × `height` inches, if all of them fit."""
    if height < style.TEXT_SIZE * layout.LINE_HEIGHT:
        return
    places = np.argwhere(~np.isnan(rates))
    for decimals in (1, 0):
        texts = [f"{100 * rates[row, column]:.{decimals}f}" for row, column in places]
        if max(map(layout.text_width, texts)) * _LEGIBLE <= width:
            for (row, column), text in zip(places, texts, strict=True):
                ink = ink_on(mesh, rates[row, column])
                axes.text(column, row, text, ha="center", va="center_baseline", color=ink)
            return


def _draw_shares(axes: Axes, shares: list[Row]) -> None:
    """Draw each module's share of the removed weights over its share of all prunable ones."""
    rows = np.arange(len(shares))
    colours = [_PART_COLOURS[row["part"]] for row in shares]
    series = {
        "share": ([row["share"] for row in shares], -0.21, colours),
        "base_share": ([row["base_share"] for row in shares], 0.21, style.SILVER),
    }
    for label, (values, shift, colour) in series.items():
        bars = axes.barh(rows + shift, values, height=0.40, color=colour, label=label)
        axes.bar_label(bars, [f"{100 * value:.1f}" for value in values], padding=2)
    axes.set_ylim(len(shares) - 0.5, -0.5)
    largest = max(max(values) for values, _, _ in series.values())
    axes.set_xlim(0, 1.18 * largest)
    axes.set_yticks([])
    style.percent_axis(axes.xaxis, ticks=5)
    axes.set_xlabel("Share (%)")
