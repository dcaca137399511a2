"""Draws how the weights of models are distributed, layer by layer (paper, Figure 7).

From top to bottom: the densities of the normalised weights, a ridge a layer and a column a model;
the shares of near-zero weights against the layer; the Gini coefficient and the kurtosis, which do
not depend on the normalisation; and the near-zero shares of whole models in numbers.
"""

from collections.abc import Iterator

import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from essential_sparsity.drawing import layout, legends, style
from essential_sparsity.drawing.layout import text_height, text_width, wrap_text
from essential_sparsity.drawing.rows import Row, Tables, grouped, names_of, pick, where
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.figures.distribution import panel
from essential_sparsity.support.tables import columns

_PLACE = ("model", "layer")

COLUMNS = {
    "layers": {*_PLACE, "level", "gini", "kurtosis", "scaling"},
    "near_zero": {*_PLACE, "level", "relative", "threshold", "share", "excess"},
    "density": {*_PLACE, "left", "right", "density"},
}

_NUMBER, _TEXT = pa.float64(), pa.string()

# What is drawn: an element a row; shares lie in [0, 1].
DRAWN = pa.schema(
    [
        ("element", _TEXT),  # density (a bin), near_zero, gini, kurtosis, or overall (a share)
        ("model", _TEXT),
        ("layer", pa.int64()),
        ("scaling", _TEXT),
        *columns(_NUMBER, "left", "right", "density"),  # a bin's edges are normalised weights
        ("relative", pa.bool_()),  # is the threshold a share of the matrix's σ?
        *columns(_NUMBER, "threshold", "share"),
        ("excess", _NUMBER),  # a share over the first model's, less 1
        *columns(_NUMBER, "gini", "kurtosis"),
    ]
)

# The share of its weights that every layer shows; more would be a line along the axis.
_SHOWN = 0.99


def select(tables: Tables, spec: FigureSpec) -> pa.Table:
    """Return what the figure shows, an element a row, with the columns of `DRAWN`.

    All layers of all models share one range of normalised weights: the narrowest about 0 that holds
    99 % of the weights of each of them.
    """
    del spec  # labels only, which are no data
    layers = where(tables["layers"].to_pylist(), level="layer")
    shares = tables["near_zero"].to_pylist()
    bins = tables["density"].to_pylist()
    reach = max(_reach(own) for _, own in grouped(bins, "model", "layer"))
    shown = [row for row in bins if row["left"] < reach and row["right"] > -reach]
    scaling = {"scaling": layers[0]["scaling"]}
    return pa.Table.from_pylist(
        [
            *({"element": "density", **row, **scaling} for row in shown),
            *({"element": "near_zero", **row} for row in where(shares, level="layer")),
            *({"element": "gini", **pick(row, *_PLACE, "gini")} for row in layers),
            *({"element": "kurtosis", **pick(row, *_PLACE, "kurtosis")} for row in layers),
            *({"element": "overall", **row} for row in where(shares, level="model")),
        ],
        DRAWN,
    )


def _reach(bins: list[Row]) -> float:
    """Return how far from 0 the bins must go to hold the share that is shown."""
    shown, reach = 0.0, 0.0
    for row in sorted(bins, key=lambda row: abs(row["left"] + row["right"])):
        shown += row["density"] * (row["right"] - row["left"])
        reach = max(reach, abs(row["left"]), abs(row["right"]))
        if shown >= _SHOWN:
            break
    return reach


_WIDTH = style.DOUBLE_WIDTH
_LEFT, _RIGHT, _GAP = 0.62, 0.12, 0.34
_COLUMNS = 4  # models side by side, at most
_ROW = 0.2  # a layer's height, inches, where the page has room for it
_PANEL = 1.2  # height
_HEAD, _FOOT = 0.26, 0.42


def draw(data: pa.Table, spec: FigureSpec) -> Figure:
    """Draw what `select` picks."""
    rows = data.to_pylist()
    models = names_of(rows, "model")
    styles = style.model_styles(spec.models, models)
    looks = {model: styles[model] for model in models}
    page = layout.Page(_WIDTH, 0.04)
    _draw_densities(page, where(rows, element="density"), looks, spec)
    _draw_curves(page, rows, looks)
    handles = [
        legends.line(spec.model_label(model), look.colour, marker=look.marker,
                     ms=style.MARKER_SIZE, ls=look.line)
        for model, look in looks.items()
    ]  # fmt: skip
    normal = {"ls": style.FLOOR_LINE, "lw": style.THIN_WIDTH}
    page.legend([*handles, legends.line("normal distribution", style.INK, **normal)], gap=0.16)
    _draw_shares(page, where(rows, element="overall"), models, spec)
    return page.finish()


def _draw_densities(
    page: layout.Page, rows: list[Row], looks: style.Models, spec: FigureSpec
) -> None:
    """Draw a panel of ridges a model."""
    columns = min(len(looks), _COLUMNS)
    width = (_WIDTH - _LEFT - _RIGHT - _GAP * (columns - 1)) / columns
    layers = max(row["layer"] for row in rows) + 1
    height = min(max(_ROW * (layers + panel.RIDGE), 1.7), 4.0)
    reach = max(row["right"] for row in rows)
    label = wrap_text(panel.AXIS_LABELS[rows[0]["scaling"]], width, style.TITLE_SIZE)
    for group in _groups(list(looks)):
        titles = [
            wrap_text(spec.model_label(model), width, style.TITLE_SIZE, "bold") for model in group
        ]
        page.top += max(text_height(title, style.TITLE_SIZE) for title in titles) + 0.04
        for i, (model, title) in enumerate(zip(group, titles, strict=True)):
            axes = page.axes(_LEFT + i * (width + _GAP), page.top, width, height)
            axes.set_title(title, loc="left", weight="bold", pad=3)
            panel.draw_ridges(axes, where(rows, model=model), looks[model], height)
            axes.set_xlim(-reach, reach)
            axes.set_xlabel(label)
            if i == 0:
                axes.set_ylabel("Layer (density to its own peak)", fontsize=style.TEXT_SIZE)
        page.top += height + _FOOT - 0.14 + text_height(label, style.TITLE_SIZE)


def _draw_curves(page: layout.Page, rows: list[Row], looks: style.Models) -> None:
    """Draw two by two panels against the layer."""
    shares = where(rows, element="near_zero")
    # Thresholds stand at the curves' ends.
    ends = [text_width(f"τ = {panel.bound(row)}") for row in shares]
    half = _WIDTH / 2
    width = half - _LEFT - max(ends) - 0.12
    lefts = (_LEFT, half + _LEFT)
    last = max(row["layer"] for row in shares)

    def panel_at(left: float, title: str, label: str) -> Axes:
        axes = page.axes(left, page.top, width, _PANEL)
        axes.set_label(label)
        axes.set_title(title, loc="left", pad=4, fontsize=style.TEXT_SIZE)
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
        margin = 0.04 * last or 0.5
        axes.set_xlim(-margin, last + margin)
        axes.set_xlabel("Layer")
        return axes

    page.top += _HEAD
    titles = {False: "Weights with |w| < τ", True: "Weights with |w| < τ; σ is that of the matrix"}
    for left, (relative, title) in zip(lefts, titles.items(), strict=True):
        axes = panel_at(left, title, "near_zero")
        axes.set_ylabel("Share (%)")
        panel.draw_near_zero(axes, where(shares, relative=relative), looks, _PANEL)
    page.top += _PANEL + _FOOT + _HEAD
    measures = {
        "gini": ("Gini coefficient of |w|", panel.NORMAL_GINI),
        "kurtosis": ("Excess kurtosis of w", 0.0),
    }
    for left, (measure, (title, normal)) in zip(lefts, measures.items(), strict=True):
        axes = panel_at(left, title, measure)
        panel.draw_measure(axes, where(rows, element=measure), measure, looks, normal)
    page.top += _PANEL + _FOOT + 0.04


def _draw_shares(page: layout.Page, rows: list[Row], models: list[str], spec: FigureSpec) -> None:
    """Write the whole models' near-zero shares."""
    width = _WIDTH - 2 * _RIGHT
    heading = "Share of near-zero weights among all prunable weights"
    if len(models) > 1:
        heading += f" (in brackets: relative to that of {spec.model_label(models[0])})"
    heading = wrap_text(heading, width, style.TITLE_SIZE)
    page.top += text_height(heading, style.TITLE_SIZE)
    for i, group in enumerate(_groups(models)):
        table = panel.Table(rows, {model: spec.model_label(model) for model in group}, width)
        axes = page.axes(_RIGHT, page.top + 0.08, width, table.height)
        table.draw(axes)
        if i == 0:
            axes.set_title(heading, loc="left", pad=4)
        page.top += table.height + 0.12


def _groups(models: list[str]) -> Iterator[list[str]]:
    for first in range(0, len(models), _COLUMNS):
        yield models[first : first + _COLUMNS]
