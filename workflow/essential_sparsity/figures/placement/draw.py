"""Draws where the removed weights lie (paper, Figure 1): a row of two panels a model and mask.

Left, the **rate** at which each matrix loses weights, by module and layer. Right, each module's
**share** of all removed weights, over its share of all prunable weights: as the feed-forward
matrices hold most weights, they hold most removed ones even where the removal does not favour them.
The ratio of the two parts' rates says whether it does.
"""

from collections.abc import Iterator
from itertools import groupby, pairwise
from typing import Any

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
from essential_sparsity.drawing.elements import Row, Tables
from essential_sparsity.drawing.heat_map import (
    draw_scale,
    mask_title,
    module_label,
    rate_colours,
    without_dense,
)
from essential_sparsity.drawing.spec import FigureSpec

COLUMNS = {
    "placement": frozenset(
        [
            "model",
            "mask",
            "label",
            "scope",
            "pattern",
            "sparsity",
            "layer",
            "module",
            "part",
            "weights",
            "removed",
        ]
    )
}

_NUMBER, _TEXT = pa.float64(), pa.string()

# What is drawn: an element a row; rates, shares and sparsities lie in [0, 1].
DRAWN = pa.schema(
    [
        ("element", _TEXT),  # rate (a cell), share (a pair of bars) or ratio
        ("model", _TEXT),
        ("mask", _TEXT),
        ("label", _TEXT),
        ("scope", _TEXT),
        ("pattern", _TEXT),
        ("sparsity", _NUMBER),
        ("layer", pa.int64()),
        ("module", _TEXT),
        ("part", _TEXT),
        ("rate", _NUMBER),
        ("share", _NUMBER),
        ("base_share", _NUMBER),
        ("ratio", _NUMBER),  # the feed-forward part's rate over the attention part's
    ]
)

_ATTENTION, _FEED_FORWARD, _POOLER = "attention", "feed_forward", "pooler"
_PART_COLOURS = {_ATTENTION: style.BLUE, _FEED_FORWARD: style.VERMILION, _POOLER: style.PURPLE}

_WIDTH = style.DOUBLE_WIDTH
_LABELS, _HEAT, _BAR, _BARS = 1.05, 2.9, 0.08, 2.1  # widths in inches, from left to right
_BAR_GAP, _BARS_GAP = 0.07, 0.58
_ROW = 0.27  # a module's height
_HEAD, _FOOT = 0.26, 0.42
_LEGIBLE = 1.25  # a number needs this much of its own width in its cell


def select(tables: Tables, spec: FigureSpec) -> pa.Table:
    """Return what the figure shows, an element a row, with the columns of `DRAWN`.

    Matrices that share layer and module are counted together. Dense masks are left out.

    Raises:
        UserError: no mask removes anything.
    """
    del spec  # labels only, which are no data
    rows = without_dense(tables["placement"], "placement").to_pylist()
    names = ("model", "mask", "label", "scope", "pattern", "sparsity")
    masks: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        masks.setdefault(tuple(row[name] for name in names), []).append(row)
    drawn = [
        {**dict(zip(names, key, strict=True)), **element}
        for key, of_mask in masks.items()
        for element in _elements(of_mask)
    ]
    return pa.Table.from_pylist(drawn, DRAWN)


def _elements(rows: list[Row]) -> Iterator[Row]:
    """Yield one mask's cells, pairs of bars and ratio."""
    weights, removed = _counts(rows)
    for place, matrices in _grouped(rows, "module", "part", "layer"):
        total, gone = _counts(matrices)
        yield {"element": "rate", **place, "rate": gone / total}
    for place, matrices in _grouped(rows, "module", "part"):
        total, gone = _counts(matrices)
        share = gone / removed if removed else 0.0
        yield {"element": "share", **place, "share": share, "base_share": total / weights}
    rates = {}
    for place, matrices in _grouped(rows, "part"):
        total, gone = _counts(matrices)
        rates[place["part"]] = gone / total
    # Undefined where a part is absent or loses nothing.
    if rates.get(_ATTENTION) and _FEED_FORWARD in rates:
        yield {"element": "ratio", "ratio": rates[_FEED_FORWARD] / rates[_ATTENTION]}


def _grouped(rows: list[Row], *keys: str) -> Iterator[tuple[Row, list[Row]]]:
    """Yield (the values of `keys`, the rows that have them), in the order of first appearance."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    for values, members in groups.items():
        yield dict(zip(keys, values, strict=True)), members


def _counts(rows: list[Row]) -> tuple[int, int]:
    return sum(row["weights"] for row in rows), sum(row["removed"] for row in rows)


def draw(tables: Tables, spec: FigureSpec) -> Figure:
    """Draw a row a model and mask: rates by module and layer, and shares by module.

    Raises:
        UserError: see `select`.
    """
    rows = select(tables, spec).to_pylist()
    with style.use_style():
        page = layout.Page(_WIDTH)
        top = 0.02
        for _, of_mask in groupby(rows, key=lambda row: (row["model"], row["mask"])):
            top = _draw_mask(page, list(of_mask), spec, top)
        top += 0.04
        parts = {row["part"] for row in rows if row["element"] == "share"}
        top += page.legend(_handles(parts), top)
        return page.finish(top + 0.06)


def _draw_mask(page: layout.Page, rows: list[Row], spec: FigureSpec, top: float) -> float:
    """Draw one mask's row of panels from `top` on; return where it ends."""
    cells = [row for row in rows if row["element"] == "rate"]
    shares = [row for row in rows if row["element"] == "share"]
    ratio = next((row["ratio"] for row in rows if row["element"] == "ratio"), None)
    # The title may run from the page's edge to the other panel's.
    room = _LABELS + _HEAT + _BAR_GAP + _BAR + _BARS_GAP - 0.2
    title = layout.wrap_text(mask_title(rows[0], spec), room, style.TITLE_SIZE, "bold")
    top += _HEAD + layout.text_height(title, style.TITLE_SIZE) - style.TITLE_SIZE * 1.3 / 72
    height = _ROW * len(shares)

    heat = page.axes(_LABELS, top, _HEAT, height)
    mesh = _draw_rates(heat, cells, [row["module"] for row in shares], height)
    heat.annotate(
        title, (0, 1), xycoords="axes fraction", xytext=(72 * (0.1 - _LABELS), 4),
        textcoords="offset points", size=style.TITLE_SIZE, weight="bold", va="bottom",
    )  # fmt: skip
    scale = page.axes(_LABELS + _HEAT + _BAR_GAP, top, _BAR, height)
    draw_scale(scale, mesh, "Rate (% of matrix)")
    bars = page.axes(_LABELS + _HEAT + _BAR_GAP + _BAR + _BARS_GAP, top, _BARS, height)
    _draw_shares(bars, shares)
    text = "not defined" if ratio is None else f"{ratio:.2f}"
    bars.set_title(f"Rate ratio feed-forward / attention: {text}", loc="left", pad=4,
                   fontsize=style.TEXT_SIZE)  # fmt: skip
    return top + height + _FOOT


def _draw_rates(axes: Axes, cells: list[Row], modules: list[str], height: float) -> QuadMesh:
    """Draw the heat map, modules downwards and layers to the right; blank where there is none."""
    layers = max(row["layer"] for row in cells) + 1
    rates: npt.NDArray[np.float64] = np.full((len(modules), layers), np.nan)
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
    _write_rates(axes, rates, mesh, _HEAT / layers, height / len(modules))
    return mesh


def _write_rates(
    axes: Axes, rates: npt.NDArray[np.float64], mesh: QuadMesh, width: float, height: float
) -> None:
    """Write the rates in percent into cells of `width` × `height` inches, if all of them fit."""
    decimals = 1 if _widest(rates, 1) * _LEGIBLE <= width else 0
    fits = _widest(rates, decimals) * _LEGIBLE <= width
    if not fits or height < style.TEXT_SIZE * layout.LINE_HEIGHT:
        return
    for (row, column), rate in np.ndenumerate(rates):
        if np.isnan(rate):
            continue
        axes.text(
            column, row, f"{100 * rate:.{decimals}f}", ha="center", va="center_baseline",
            color=style.ink_on(mesh.to_rgba(np.array([rate]))[0]), size=style.TEXT_SIZE,
        )  # fmt: skip


def _widest(rates: npt.NDArray[np.float64], decimals: int) -> float:
    texts = {f"{100 * rate:.{decimals}f}" for rate in rates[~np.isnan(rates)]}
    return max(layout.text_width(text, style.TEXT_SIZE) for text in texts)


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
        axes.bar_label(
            bars, [f"{100 * value:.1f}" for value in values], padding=2, size=style.TEXT_SIZE
        )
    axes.set_ylim(len(shares) - 0.5, -0.5)
    largest = max(max(values) for values, _, _ in series.values())
    axes.set_xlim(0, 1.18 * largest)
    axes.set_yticks([])
    style.percent_axis(axes.xaxis, ticks=5)
    axes.set_xlabel("Share (%)")


def _handles(parts: set[str]) -> list[Artist]:
    return [
        *(
            Patch(color=colour, label=f"share of removed weights, {module_label(part)}")
            for part, colour in _PART_COLOURS.items()
            if part in parts or part != _POOLER
        ),
        Patch(color=style.SILVER, label="share of prunable weights"),
    ]
