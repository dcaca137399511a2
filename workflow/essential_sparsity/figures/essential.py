"""Draws all essential sparsities of a study side by side: a forest plot, a row a curve.

Rows are grouped by task. A row has the estimate, its interval and the bar that ends at the
certified bound, as the strips of `drop.py` have, and at the right the numbers. Where searches have
an ε of their own, every row names its own.
"""

from dataclasses import dataclass
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from essential_sparsity.estimators.words import certificate, format_essential, in_points
from essential_sparsity.figures import drop_legend, layout, style
from essential_sparsity.figures.drop_data import names_of
from essential_sparsity.figures.drop_panel import draw_certified, draw_interval
from essential_sparsity.figures.essential_data import COLUMNS, SPARSITIES, select_essential
from essential_sparsity.figures.mask_labels import MaskLabels
from essential_sparsity.figures.spec import FigureSpec
from essential_sparsity.figures.stage import Row, Tables, run_drawing
from essential_sparsity.figures.task_panel import known
from essential_sparsity.labels import recipe_name
from essential_sparsity.support.errors import run_stage

STAGE = "essential_sparsity.figures.essential"

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


def draw_essential(tables: Tables, spec: FigureSpec) -> Figure:
    """Draw a row a curve; see the module for how to read it.

    Raises:
        UserError: see `select_essential`.
    """
    rows = select_essential(tables, spec).to_pylist()
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
        level = drop_legend.interval_words(self._rows[0]["confidence"])
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
            handles = drop_legend.model_handles(self.models, self.spec, lines=False)
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
        only = drop_legend.colour_of(self.models)
        marker = next(iter(self.models.values())).marker if len(self.models) == 1 else "o"
        estimate = f"essential sparsity ({at}), {level}"
        return [
            drop_legend.line(estimate, only, marker=marker, ms=4.4),
            *drop_legend.certified_handles(self._rows, only),
            *drop_legend.censoring_handles(self._rows, only),
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
    for key, words in (("recipe", recipe_name), ("experiments", ", ".join)):
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


def main() -> None:
    """Run the stage from the command line."""
    run_drawing(STAGE, COLUMNS, select_essential, draw_essential)


if __name__ == "__main__":
    run_stage(main)
