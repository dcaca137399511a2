"""Draws all essential sparsities of a study side by side: a forest plot, a row a curve.

Rows are grouped by task. A row has the estimate, its interval and the bar that ends at the
certified bound, as the strips of `drop` have, and at the right the numbers. Where searches have
an ε of their own, every row names its own.
"""

import pyarrow as pa
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from essential_sparsity.drawing import layout, legends, style
from essential_sparsity.drawing.curves import draw_certified, draw_interval
from essential_sparsity.drawing.elements import SPARSITIES
from essential_sparsity.drawing.layout import text_width
from essential_sparsity.drawing.masks import shorten
from essential_sparsity.drawing.rows import Row, Tables, grouped, known, names_of, pick, where
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.drawing.task_panel import models_of
from essential_sparsity.estimators.certification import is_learnt
from essential_sparsity.estimators.words import certificate, format_essential, in_points
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.tables import columns

_CURVE = ("task", "model", "recipe", "family", "label")
_CENSORED = ("low_censored", "high_censored")
_CERTIFIED = ("certified", "certified_censored", "certification_level")
_DENSE = ("metric", "dense_score")
_KEPT = (*_CURVE, *_CENSORED, *_CERTIFIED, *_DENSE, "resolved", "epsilon", "confidence")

COLUMNS = {
    "essential": {*_KEPT, *SPARSITIES, "estimate_censored", "dense_low", "constant", "main", "grid"}
}

_NUMBER, _TEXT = pa.float64(), pa.string()

# What is drawn: a curve a row. Sparsities are shares of the prunable weights, scores are points.
DRAWN = pa.schema(
    [
        ("element", _TEXT),  # essential
        *columns(_TEXT, *_CURVE),
        ("experiments", pa.list_(_TEXT)),
        *columns(_NUMBER, *SPARSITIES.values()),
        *columns(_TEXT, "censored", *_CENSORED),
        ("resolved", pa.bool_()),
        ("certified", _NUMBER),
        ("certified_censored", _TEXT),
        *columns(_NUMBER, "certification_level", "epsilon", "confidence"),
        ("metric", _TEXT),
        ("dense_score", _NUMBER),
        ("learnt", pa.bool_()),  # is the dense model better than a constant answer?
        ("last", _NUMBER),  # the largest sparsity that was tested
    ]
)


def select(tables: Tables, spec: FigureSpec) -> pa.Table:
    """Return what the figure shows, a curve a row, with the columns of `DRAWN`.

    Every curve is there at its experiment's own ε, which is that of its search where it has one.
    Tasks come in the order of the experiments, models in that of their colours. A curve that
    several experiments have alike is one row; where they found something else, on another grid,
    say, or with other seeds, each has its own.
    """
    rows = where(tables["essential"].to_pylist(), main=True)
    if not rows:
        raise UserError("essential.parquet: main: true in no row; there is nothing to draw")
    shown = [
        {
            **pick(row, *_KEPT, "experiment"),
            **{drawn: row[name] for name, drawn in SPARSITIES.items()},
            "censored": row["estimate_censored"],
            "learnt": is_learnt(row["dense_low"], row["constant"]),
            "last": max(row["grid"]),
        }
        for row in rows
    ]
    drawn = [
        {"element": "essential", **curve, "experiments": [row["experiment"] for row in alike]}
        for curve, alike in grouped(shown, *(key for key in shown[0] if key != "experiment"))
    ]
    tasks = names_of(drawn, "task")
    drawn.sort(key=lambda row: (tasks.index(row["task"]), row["model"]))
    return pa.Table.from_pylist(drawn, DRAWN)


_EDGE, _GAP = 0.1, 0.08  # of the page, and between the plot and the words beside it
_INDENT = 0.08  # of curves below their task
_ROW, _GROUP_GAP = 0.155, 0.05
_LEAST = 0.95  # inches that the plot needs beside the words
_MASK = 1.3  # the width, in inches, in which names of masks are to fit
_AXIS = 0.42  # room for the axis below
_AXIS_NAME = "Sparsity (% of prunable weights)"
_UNLEARNT = "†"
_UNLEARNT_NOTE = (
    f"{_UNLEARNT} the dense model is no better than a constant answer: its drops mean nothing."
)


def draw(data: pa.Table, spec: FigureSpec) -> Figure:
    """Draw a row a curve; see the module for how to read it.

    Tasks are headings, unless each has a single row that it names.
    """
    rows = data.to_pylist()
    models = models_of(rows, spec)
    masks, key = shorten((row["label"] for row in rows), _MASK)
    _write_names(rows, masks, spec)
    groups = [(spec.task_label(place["task"]), own) for place, own in grouped(rows, "task")]
    several = len(models) > 1 or len(_epsilons(rows)) > 1
    has_headings = several or len(rows) > len(groups)
    level = legends.interval_words(rows[0]["confidence"])
    heads = {f"[{level}]": _estimate_words, "certified": _bound_words}

    if has_headings:
        widths = [_INDENT + text_width(row["name"]) for row in rows]
        widths += [text_width(task, weight="bold") for task, _ in groups]
    else:
        widths = [text_width(task) for task, _ in groups]
    left = _EDGE + max(widths) + _GAP
    estimate, bound = (
        max(map(text_width, [head, *map(words, rows)])) + _GAP for head, words in heads.items()
    )
    beside = left + estimate + bound + _EDGE
    fits = beside + _LEAST <= style.SINGLE_WIDTH
    page = layout.Page(style.SINGLE_WIDTH if fits else style.DOUBLE_WIDTH, 0.05)
    ends = (page.width - _EDGE - bound, page.width - _EDGE)

    for end, head in zip(ends, heads, strict=True):
        page.text(head, end, page.top, ha="right", va="top", color=style.GREY)
    page.top += style.TEXT_SIZE * layout.LINE_HEIGHT + 0.04
    first, heights = page.top, []
    for task, own in groups:
        if has_headings:
            page.text(task, _EDGE, page.top + _ROW / 2, va="center_baseline", weight="bold")
            page.top += _ROW
        for row in own:
            middle = page.top + _ROW / 2
            label, indent = (row["name"], _INDENT) if has_headings else (task, 0.0)
            page.text(label, _EDGE + indent, middle, va="center_baseline")
            for end, words in zip(ends, heads.values(), strict=True):
                page.text(words(row), end, middle, ha="right", va="center_baseline")
            heights.append((middle - first) / _ROW)
            page.top += _ROW
        page.top += _GROUP_GAP if has_headings else 0.0
    width = page.width - beside
    axes = page.axes(left, first, width, page.top - first)
    axes.set_ylim((page.top - first) / _ROW, 0)
    _draw_plot(axes, dict(zip(heights, rows, strict=True)), models, width)
    page.top += _AXIS
    if not has_headings:
        page.legend(legends.model_handles(models, spec, lines=False))
    page.legend(_handles(rows, models, level))
    for note in (key, "" if all(row["learnt"] for row in rows) else _UNLEARNT_NOTE):
        if note:
            page.note(note)
    return page.finish()


def _draw_plot(axes: Axes, rows: dict[float, Row], models: style.Models, width: float) -> None:
    """Draw every row's marks at its height, and the axis of `width` inches."""
    axes.set_facecolor(style.PALE)
    axes.set_label("forest")
    for height, row in rows.items():
        draw_certified(axes, height, row, models[row["model"]])
        draw_interval(axes, height, row, models[row["model"]])
    last = max(row["last"] for row in rows.values())
    axes.set(xlim=(-0.03 * last, 1.06 * last), yticks=[])
    style.percent_axis(axes.xaxis, ticks=6 if width > 1.6 else 4)
    axes.grid(axis="x", color="white", lw=style.THIN_WIDTH)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(_AXIS_NAME if text_width(_AXIS_NAME) <= width else "Sparsity (%)")


def _handles(rows: list[Row], models: style.Models, level: str) -> list[Artist]:
    """Return the legend of the marks that the figure has."""
    epsilons = _epsilons(rows)
    at = f"ε = {in_points(epsilons[0])}" if len(epsilons) == 1 else "ε in points: see each row"
    common = style.common_style(models.values())
    estimate = f"essential sparsity ({at}), {level}"
    return [
        legends.line(estimate, common.colour, marker=common.marker, ms=4.4),
        *legends.certified_handles(rows, common.colour),
        *legends.censoring_handles(rows, common.colour),
    ]


def _write_names(rows: list[Row], masks: dict[str, str], spec: FigureSpec) -> None:
    """Say in `name` which curve of its task each row is: the model, and what tells it from others.

    `masks` has the labels of masks as they are written.
    """
    several_masks = len(names_of(rows, "label")) > 1
    several_epsilons = len(_epsilons(rows)) > 1
    for row in rows:
        row["name"] = spec.model_label(row["model"])
        if several_masks:
            row["name"] += f", {masks[row['label']]}"
        if several_epsilons:
            row["name"] += f", ε = {row['epsilon']:g}"
        row["experiments"] = ", ".join(row["experiments"])
    for key, words in (("recipe", spec.recipes), ("experiments", {})):
        for _, alike in list(grouped(rows, "task", "name")):
            if len(names_of(alike, key)) > 1:
                for row in alike:
                    row["name"] += f", {words.get(row[key], row[key])}"


def _epsilons(rows: list[Row]) -> list[float]:
    return sorted({row["epsilon"] for row in rows})


def _estimate_words(row: Row) -> str:
    if not known(row["sparsity"]):
        return "–"
    values = {name: row[drawn] for name, drawn in SPARSITIES.items()}
    kept = {name: row[name] for name in ("low_censored", "high_censored", "resolved")}
    words = format_essential({**values, **kept, "estimate_censored": row["censored"]})
    return words if row["learnt"] else f"{words} {_UNLEARNT}"


def _bound_words(row: Row) -> str:
    if not known(row["certified"]):
        return "–"
    return certificate(row["certified"], row["certified_censored"], " %")
