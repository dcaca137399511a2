"""Draws all essential sparsities of a study side by side: a forest plot, a row a curve.

Rows are grouped by task. A row has the estimate, its interval and the bar that ends at the
certified bound, as the strips of `drop` have, and at the right the numbers. Where searches have
an ε of their own, every row names its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from essential_sparsity.drawing import layout, legends, style
from essential_sparsity.drawing.curves import draw_certified, draw_interval
from essential_sparsity.drawing.elements import Row, Tables, names_of, pick
from essential_sparsity.drawing.mask_labels import MaskLabels
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.drawing.task_panel import known
from essential_sparsity.estimators.certification import is_learnt
from essential_sparsity.estimators.words import certificate, format_essential, in_points
from essential_sparsity.support.errors import UserError

_CURVE = ("task", "model", "recipe", "family", "label")
_VALUES = (
    "estimate_censored", "low_censored", "high_censored", "resolved",
    "certified", "certified_censored", "certification_level", "confidence",
    "dense_score", "dense_low", "constant", "metric",
)  # fmt: skip
# The table's columns as figures of drops name them.
SPARSITIES = {"estimate": "sparsity", "low": "sparsity_low", "high": "sparsity_high"}

COLUMNS = {
    "essential": frozenset([*_CURVE, *_VALUES, *SPARSITIES, "epsilon", "main", "grid"]),
}

_NUMBER, _TEXT = pa.float64(), pa.string()

# What is drawn: a curve a row. Sparsities are shares of the prunable weights, scores are points.
DRAWN = pa.schema(
    [
        ("element", _TEXT),  # essential
        *((name, _TEXT) for name in _CURVE),
        ("experiments", pa.list_(_TEXT)),
        *((name, _NUMBER) for name in SPARSITIES.values()),
        *((name, _TEXT) for name in ("censored", "low_censored", "high_censored")),
        ("resolved", pa.bool_()),
        ("certified", _NUMBER),
        ("certified_censored", _TEXT),
        ("certification_level", _NUMBER),
        ("epsilon", _NUMBER),
        ("confidence", _NUMBER),
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

    Raises:
        UserError: no row is `main`.
    """
    rows = [row for row in tables["essential"].to_pylist() if row["main"]]
    if not rows:
        raise UserError("essential.parquet: main: true in no row; there is nothing to draw")
    drawn = _distinct(rows)
    tasks = list(dict.fromkeys(row["task"] for row in drawn))
    drawn.sort(key=lambda row: (tasks.index(row["task"]), row["model"]))
    return pa.Table.from_pylist(drawn, DRAWN)


def _distinct(rows: list[Row]) -> list[Row]:
    """Return each curve once, with the experiments that have it."""
    found: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        shown = {
            "element": "essential",
            **pick(row, *_CURVE, *(name for name in _VALUES if name in DRAWN.names), "epsilon"),
            **{drawn: row[name] for name, drawn in SPARSITIES.items()},
            "censored": row["estimate_censored"],
            "learnt": is_learnt(row["dense_low"], row["constant"]),
            "last": max(row["grid"]),
        }
        first = found.setdefault(tuple(shown.values()), {**shown, "experiments": []})
        first["experiments"].append(row["experiment"])
    return list(found.values())


_EDGE, _GAP = 0.1, 0.08  # of the page, and between the plot and the words beside it
_INDENT = 0.08  # of curves below their task
_ROW, _GROUP_GAP = 0.155, 0.05
_LEAST = 0.95  # inches that the plot needs beside the words
_MASK = 1.3  # the width, in inches, in which names of masks are to fit
_AXIS = 0.42  # room for the axis below
_UNLEARNT = "†"
_UNLEARNT_NOTE = (
    f"{_UNLEARNT} the dense model is no better than one and the same answer to everything: its "
    "drops mean nothing."
)


def draw(tables: Tables, spec: FigureSpec) -> Figure:
    """Draw a row a curve; see the module for how to read it.

    Raises:
        UserError: see `select`.
    """
    rows = select(tables, spec).to_pylist()
    with style.use_style():
        return _Forest.of(rows, spec).draw()


@dataclass(frozen=True)
class _Line:
    """What is written beside a curve: which one it is, its estimate, its certified bound."""

    row: Row
    label: str
    estimate: str
    bound: str


@dataclass(frozen=True)
class _Forest:
    """The lines, by task; tasks are headings unless each has a single line that it names."""

    groups: dict[str, list[_Line]]
    models: dict[str, style.ModelStyle]
    spec: FigureSpec
    notes: tuple[str, ...]

    @classmethod
    def of(cls, rows: list[Row], spec: FigureSpec) -> "_Forest":
        names = names_of(rows, "model")
        styles = style.model_styles(spec.models, names)
        models = {name: look for name, look in styles.items() if name in names}
        masks = MaskLabels.fit((row["label"] for row in rows), _MASK)
        groups: dict[str, list[_Line]] = {}
        for row, label in zip(rows, _labels(rows, masks, spec), strict=True):
            line = _Line(row, label, _estimate_words(row), _bound_words(row))
            groups.setdefault(spec.task_label(row["task"]), []).append(line)
        notes = [f"{masks.key[0].upper()}{masks.key[1:]}."] if masks.key else []
        if not all(row["learnt"] for row in rows):
            notes.append(_UNLEARNT_NOTE)
        return cls(groups, models, spec, tuple(notes))

    @property
    def _lines(self) -> list[_Line]:
        return [line for group in self.groups.values() for line in group]

    @property
    def _rows(self) -> list[Row]:
        return [line.row for line in self._lines]

    @property
    def _has_headings(self) -> bool:
        several = len(self.models) > 1 or len(_epsilons(self._rows)) > 1
        return several or len(self._lines) > len(self.groups)

    def draw(self) -> Figure:
        """Draw headings, lines, plot, legend and notes."""
        level = legends.interval_words(self._rows[0]["confidence"])
        heads = (f"[{level}]", "certified")
        names = [_INDENT + _width(line.label) for line in self._lines]
        if self._has_headings:
            names += [_width(task, "bold") for task in self.groups]
        else:
            names = [_width(task) for task in self.groups]
        left = _EDGE + max(names) + _GAP
        bound = max(map(_width, [heads[1], *(line.bound for line in self._lines)])) + _GAP
        estimate = max(map(_width, [heads[0], *(line.estimate for line in self._lines)])) + _GAP
        needed = left + _LEAST + estimate + bound + _EDGE
        page = layout.Page(
            style.SINGLE_WIDTH if needed <= style.SINGLE_WIDTH else style.DOUBLE_WIDTH
        )
        width = page.width - left - estimate - bound - _EDGE
        ends = (page.width - _EDGE - bound, page.width - _EDGE)

        top = 0.05
        for end, head in zip(ends, heads, strict=True):
            page.text(head, end, top, ha="right", va="top", color=style.GREY)
        top += style.TEXT_SIZE * layout.LINE_HEIGHT + 0.04
        first, heights = top, []
        for task, lines in self.groups.items():
            if self._has_headings:
                page.text(task, _EDGE, top + _ROW / 2, va="center_baseline", weight="bold")
                top += _ROW
            for line in lines:
                middle = top + _ROW / 2
                label, indent = (line.label, _INDENT) if self._has_headings else (task, 0.0)
                page.text(label, _EDGE + indent, middle, va="center_baseline")
                for end, words in zip(ends, (line.estimate, line.bound), strict=True):
                    page.text(words, end, middle, ha="right", va="center_baseline")
                heights.append((middle - first) / _ROW)
                top += _ROW
            top += _GROUP_GAP if self._has_headings else 0.0
        axes = page.axes(left, first, width, top - first)
        axes.set_ylim((top - first) / _ROW, 0)
        self._draw_plot(axes, heights, width)
        top += _AXIS
        if not self._has_headings:
            handles = legends.model_handles(self.models, self.spec, lines=False)
            top += page.legend(handles, top) + 0.06
        top += page.legend(self._handles(level), top) + 0.06
        for note in self.notes:
            top += page.note(note, top) + 0.04
        return page.finish(top)

    def _draw_plot(self, axes: Axes, heights: list[float], width: float) -> None:
        """Draw every line's marks at its height, and the axis."""
        axes.set_facecolor(style.PALE)
        axes.set_label("forest")
        for height, row in zip(heights, self._rows, strict=True):
            draw_certified(axes, height, row, self.models[row["model"]])
            draw_interval(axes, height, row, self.models[row["model"]])
        last = max(row["last"] for row in self._rows)
        axes.set(xlim=(-0.03 * last, 1.06 * last), yticks=[])
        style.percent_axis(axes.xaxis, ticks=6 if width > 1.6 else 4)
        axes.grid(axis="x", color="white", lw=style.THIN_WIDTH)
        axes.set_axisbelow(True)
        axes.spines[:].set_visible(False)
        wide = _width("Sparsity (% of prunable weights)") <= width
        axes.set_xlabel("Sparsity (% of prunable weights)" if wide else "Sparsity (%)")

    def _handles(self, level: str) -> list[Artist]:
        """Return the legend of the marks that the figure has."""
        epsilons = _epsilons(self._rows)
        at = f"ε = {in_points(epsilons[0])}" if len(epsilons) == 1 else "ε in points: see each row"
        only = legends.colour_of(self.models)
        marker = next(iter(self.models.values())).marker if len(self.models) == 1 else "o"
        estimate = f"essential sparsity ({at}), {level}"
        return [
            legends.line(estimate, only, marker=marker, ms=4.4),
            *legends.certified_handles(self._rows, only),
            *legends.censoring_handles(self._rows, only),
        ]


def _labels(rows: list[Row], masks: MaskLabels, spec: FigureSpec) -> list[str]:
    """Return which curve of its task each row is: what tells it from others, the model always."""
    several_masks = len(names_of(rows, "label")) > 1
    several_epsilons = len(_epsilons(rows)) > 1
    labels = [
        ", ".join(
            [spec.model_label(row["model"])]
            + [masks.short[row["label"]]] * several_masks
            + [f"ε = {row['epsilon']:g}"] * several_epsilons
        )
        for row in rows
    ]
    told: tuple[tuple[str, Callable[[Any], str]], ...] = (
        ("recipe", lambda recipe: spec.recipes.get(recipe, recipe)),
        ("experiments", ", ".join),
    )
    for key, words in told:
        alike: dict[tuple[str, str], list[Any]] = {}
        for row, label in zip(rows, labels, strict=True):
            alike.setdefault((row["task"], label), []).append(row[key])
        labels = [
            label if _are_equal(alike[row["task"], label]) else f"{label}, {words(row[key])}"
            for row, label in zip(rows, labels, strict=True)
        ]
    return labels


def _epsilons(rows: list[Row]) -> list[float]:
    return sorted({row["epsilon"] for row in rows})


def _are_equal(values: list[Any]) -> bool:
    return all(value == values[0] for value in values)


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


def _width(text: str, weight: str = "normal") -> float:
    return layout.text_width(text, style.TEXT_SIZE, weight)
