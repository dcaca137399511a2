"""Draws how the weights of models are distributed, layer by layer (paper, Figure 7).

From top to bottom: the densities of the normalised weights, a ridge a layer and a column a model;
the shares of near-zero weights against the layer; the Gini coefficient and the kurtosis, which do
not depend on the normalisation; and the near-zero shares of whole models in numbers.
"""

from collections.abc import Iterator

import pyarrow as pa
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from essential_sparsity.drawing import layout, style
from essential_sparsity.drawing.elements import Row, Tables
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.figures.distribution import panel

COLUMNS = {
    "layers": frozenset(["model", "level", "layer", "gini", "kurtosis", "scaling"]),
    "near_zero": frozenset(["model", "level", "layer", "relative", "threshold", "share", "excess"]),
    "density": frozenset(["model", "layer", "left", "right", "density"]),
}

_NUMBER, _TEXT = pa.float64(), pa.string()

# What is drawn: an element a row; shares lie in [0, 1].
DRAWN = pa.schema(
    [
        ("element", _TEXT),  # density (a bin), near_zero, gini, kurtosis, or overall (a share)
        ("model", _TEXT),
        ("layer", pa.int64()),
        ("scaling", _TEXT),
        ("left", _NUMBER),  # a bin's edges, of the normalised weights
        ("right", _NUMBER),
        ("density", _NUMBER),
        ("relative", pa.bool_()),  # is the threshold a share of the matrix's σ?
        ("threshold", _NUMBER),
        ("share", _NUMBER),
        ("excess", _NUMBER),  # a share over the first model's, less 1
        ("gini", _NUMBER),
        ("kurtosis", _NUMBER),
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
    layers = [row for row in tables["layers"].to_pylist() if row["level"] == "layer"]
    shares = tables["near_zero"].to_pylist()
    of_layers = [row for row in shares if row["level"] == "layer"]
    of_models = [row for row in shares if row["level"] == "model"]
    return pa.Table.from_pylist(
        [
            *_densities(tables["density"].to_pylist(), layers[0]["scaling"]),
            *(_pick(row, "near_zero", "share") for row in of_layers),
            *(_pick(row, "gini", "gini") for row in layers),
            *(_pick(row, "kurtosis", "kurtosis") for row in layers),
            *(_pick(row, "overall", "share", "excess") for row in of_models),
        ],
        DRAWN,
    )


def _pick(row: Row, element: str, *values: str) -> Row:
    names = ("model", "layer", "relative", "threshold", *values)
    return {"element": element, **{name: row[name] for name in names if name in row}}


def _densities(bins: list[Row], scaling: str) -> Iterator[Row]:
    by_layer: dict[tuple[str, int], list[Row]] = {}
    for row in bins:
        by_layer.setdefault((row["model"], row["layer"]), []).append(row)
    reach = max(map(_reach, by_layer.values()))
    for row in bins:
        if row["left"] < reach and row["right"] > -reach:
            edges = {"left": row["left"], "right": row["right"]}
            yield {**_pick(row, "density", "density"), "scaling": scaling, **edges}


def _reach(bins: list[Row]) -> float:
    """Return how far from 0 the bins must go to hold the share that is shown."""
    shown, reach = 0.0, 0.0
    for row in sorted(bins, key=lambda row: abs(row["left"] + row["right"])):
        shown += row["density"] * (row["right"] - row["left"])
        reach = max(reach, abs(row["left"]), abs(row["right"]))
        if shown >= _SHOWN:
            break
    return reach


def models_of(rows: list[Row]) -> list[str]:
    """Return the models in the order in which they first come."""
    return list(dict.fromkeys(row["model"] for row in rows))


_WIDTH = style.DOUBLE_WIDTH
_LEFT, _RIGHT, _GAP = 0.62, 0.12, 0.34
_COLUMNS = 4  # models side by side, at most
_ROW = 0.2  # a layer's height, inches, where the page has room for it
_PANEL = 1.2  # height
_HEAD, _FOOT = 0.26, 0.42


def draw(tables: Tables, spec: FigureSpec) -> Figure:
    """Draw what `select` picks."""
    rows = select(tables, spec).to_pylist()
    models = models_of(rows)
    styles = style.model_styles(spec.models, models)
    looks = {model: styles[model] for model in models}
    elements = {
        name: [row for row in rows if row["element"] == name]
        for name in ("density", "near_zero", "gini", "kurtosis", "overall")
    }
    with style.use_style():
        page = layout.Page(_WIDTH)
        top = _draw_densities(page, elements["density"], looks, spec, 0.04)
        top = _draw_curves(page, elements, looks, top)
        top += page.legend(_handles(looks, spec), top) + 0.16
        return page.finish(_draw_shares(page, elements["overall"], models, spec, top))


def _draw_densities(
    page: layout.Page, rows: list[Row], looks: panel.Looks, spec: FigureSpec, top: float
) -> float:
    """Draw a panel of ridges a model from `top` on; return where they end."""
    columns = min(len(looks), _COLUMNS)
    width = (_WIDTH - _LEFT - _RIGHT - _GAP * (columns - 1)) / columns
    layers = max(row["layer"] for row in rows) + 1
    height = min(max(_ROW * (layers + panel.RIDGE), 1.7), 4.0)
    reach = max(row["right"] for row in rows)
    label = panel.AXIS_LABELS[rows[0]["scaling"]]
    for group in _groups(list(looks)):
        titles = [
            layout.wrap_text(spec.model_label(model), width, style.TITLE_SIZE, "bold")
            for model in group
        ]
        top += max(layout.text_height(title, style.TITLE_SIZE) for title in titles) + 0.04
        for i, (model, title) in enumerate(zip(group, titles, strict=True)):
            axes = page.axes(_LEFT + i * (width + _GAP), top, width, height)
            axes.set_title(title, loc="left", weight="bold", pad=3)
            of_model = [row for row in rows if row["model"] == model]
            panel.draw_ridges(axes, of_model, looks[model], height)
            axes.set_xlim(-reach, reach)
            axes.set_xlabel(layout.wrap_text(label, width, style.TITLE_SIZE))
            if i == 0:
                axes.set_ylabel("Layer (density to its own peak)", fontsize=style.TEXT_SIZE)
        lines = layout.wrap_text(label, width, style.TITLE_SIZE)
        top += height + _FOOT - 0.14 + layout.text_height(lines, style.TITLE_SIZE)
    return top


def _draw_curves(
    page: layout.Page, elements: dict[str, list[Row]], looks: panel.Looks, top: float
) -> float:
    """Draw two by two panels against the layer from `top` on; return where they end."""
    shares = elements["near_zero"]
    # Thresholds stand at the curves' ends.
    ends = [layout.text_width(f"τ = {panel.bound(row)}", style.TEXT_SIZE) for row in shares]
    half = _WIDTH / 2
    width = half - _LEFT - max(ends) - 0.12
    lefts = (_LEFT, half + _LEFT)
    last = max(row["layer"] for row in shares)

    def panel_at(left: float, top: float, title: str) -> Axes:
        axes = page.axes(left, top, width, _PANEL)
        axes.set_title(title, loc="left", pad=4, fontsize=style.TEXT_SIZE)
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
        margin = 0.04 * last or 0.5
        axes.set_xlim(-margin, last + margin)
        axes.set_xlabel("Layer")
        return axes

    top += _HEAD
    titles = {False: "Weights with |w| < τ", True: "Weights with |w| < τ; σ is that of the matrix"}
    for left, (relative, title) in zip(lefts, titles.items(), strict=True):
        axes = panel_at(left, top, title)
        axes.set_label("near_zero")
        axes.set_ylabel("Share (%)")
        rows = [row for row in shares if row["relative"] == relative]
        panel.draw_near_zero(axes, rows, looks, _PANEL)
    top += _PANEL + _FOOT + _HEAD
    measures = {
        "gini": ("Gini coefficient of |w|", panel.NORMAL_GINI),
        "kurtosis": ("Excess kurtosis of w", 0.0),
    }
    for left, (measure, (title, normal)) in zip(lefts, measures.items(), strict=True):
        axes = panel_at(left, top, title)
        axes.set_label(measure)
        panel.draw_measure(axes, elements[measure], measure, looks, normal)
    return top + _PANEL + _FOOT + 0.04


def _draw_shares(
    page: layout.Page, rows: list[Row], models: list[str], spec: FigureSpec, top: float
) -> float:
    """Write the whole models' near-zero shares from `top` on; return where the page ends."""
    width = _WIDTH - 2 * _RIGHT
    heading = "Share of near-zero weights among all prunable weights"
    if len(models) > 1:
        heading += f" (in brackets: relative to that of {spec.model_label(models[0])})"
    heading = layout.wrap_text(heading, width, style.TITLE_SIZE)
    top += layout.text_height(heading, style.TITLE_SIZE)
    for i, group in enumerate(_groups(models)):
        room = panel.column_width(width, len(group)) - 0.1
        labels = {model: panel.wrap_label(spec.model_label(model), room) for model in group}
        height = panel.table_lines(rows, labels) * style.TEXT_SIZE * layout.LINE_HEIGHT
        axes = page.axes(_RIGHT, top + 0.08, width, height)
        panel.draw_table(axes, rows, labels, width)
        if i == 0:
            axes.set_title(heading, loc="left", pad=4)
        top += height + 0.12
    return top


def _groups(models: list[str]) -> Iterator[list[str]]:
    for first in range(0, len(models), _COLUMNS):
        yield models[first : first + _COLUMNS]


def _handles(looks: panel.Looks, spec: FigureSpec) -> list[Artist]:
    handles: list[Artist] = [
        Line2D([], [], color=look.colour, marker=look.marker, ms=style.MARKER_SIZE,
               ls=look.line, lw=style.LINE_WIDTH, label=spec.model_label(model))
        for model, look in looks.items()
    ]  # fmt: skip
    normal = Line2D([], [], color=style.INK, ls=style.FLOOR_LINE, lw=style.THIN_WIDTH,
                    label="normal distribution")  # fmt: skip
    return [*handles, normal]
