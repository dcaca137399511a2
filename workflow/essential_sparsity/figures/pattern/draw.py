"""Draws performance drops against N:M patterns (paper, Figure 5), unstructured masks beside them.

A pattern N:M keeps N of every M consecutive weights, so that it decides the sparsity, 1 − N/M. A
panel is a task, and its axis has the patterns in the order of their sparsities. Patterns of equal
sparsity share a stripe with the unstructured masks of that sparsity, hollow: what lies between full
and hollow marks is the price of the pattern. As in `drop`, the axis of drops points down. Above
a panel, a row a model, bars lie over the masks that are certified.
"""

from dataclasses import dataclass

import pyarrow as pa
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from essential_sparsity.drawing import legends, style
from essential_sparsity.drawing.curves import draw_seeds
from essential_sparsity.drawing.elements import COLUMNS, DRAWN, axis_words, drop_elements
from essential_sparsity.drawing.rows import Row, Tables, known, names_of, numbers, where
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.drawing.task_panel import STRIP_ROW, TaskPanel, draw_panels, models_of
from essential_sparsity.figures.pattern.places import DODGE, Places, Series
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.spec import equal_sparsities

__all__ = ["COLUMNS", "draw", "select"]

_BAR_GAP = 0.12  # between two bars of certified masks


def select(tables: Tables, spec: FigureSpec) -> pa.Table:
    """Return what the figure shows, an element a row, with the columns of `elements.DRAWN`.

    Of the masks without a pattern, those stay whose sparsity is a pattern's. `confidence` is that
    of the means' intervals.
    """
    sparsities = {row["sparsity"] for row in tables["drop"].to_pylist() if row["pattern"]}
    if not sparsities:
        raise UserError(
            "drop.parquet: pattern: no mask has an N:M pattern; a figure 'pattern' needs masks "
            "with 'patterns'"
        )
    rows = []
    for row in drop_elements(tables, spec):
        if row["element"] == "mean":
            row["confidence"] = tables["essential"]["confidence"][0].as_py()
        if row["element"] not in ("mean", "seed") or any(
            equal_sparsities(sparsity, row["sparsity"]) for sparsity in sparsities
        ):
            rows.append(row)
    return pa.Table.from_pylist(rows, DRAWN)


def draw(data: pa.Table, spec: FigureSpec) -> Figure:
    """Draw a panel a task, a mark a mask and model; see the module for how to read it."""
    rows = data.to_pylist()
    means = where(rows, element="mean")
    models, places = models_of(means, spec), Places(means)
    page = draw_panels(
        lambda task, width: _PatternPanel(rows, task, models, spec, width, places),
        names_of(means, "task"),
        ("Pattern N:M, sparsity (%)", axis_words(rows, "Drop in", "Performance drop")),
        foot=0.44,
        least=places.least_width(len(models)),
    )
    page.top += 0.12
    page.legend(_who(models, places, spec))
    page.legend(_what(rows, models, spec))
    return page.finish()


def _who(models: style.Models, places: Places, spec: FigureSpec) -> list[Artist]:
    """Return the legend of models and of masks."""
    common = style.common_style(models.values())
    look = {"ls": "none", "marker": common.marker, "ms": style.MARKER_SIZE + 0.4}
    return [
        *legends.model_handles(models, spec, lines=False),
        *(legends.line(s.label, common.colour, **look, **places.marks(s)) for s in places.series),
    ]


def _what(rows: list[Row], models: style.Models, spec: FigureSpec) -> list[Artist]:
    """Return the legend of the marks that the figure has."""
    only = style.common_style(models.values()).colour
    handles: list[Artist] = []
    means = where(rows, element="mean")
    if any(known(row["drop_low"], row["drop_high"]) for row in means):
        level = legends.interval_words(means[0]["confidence"])
        handles.append(legends.line(level, only, ls="none", marker="|", ms=8, mew=style.THIN_WIDTH))
    certified = [row for row in where(rows, element="essential") if row["certified"]]
    return [
        *handles,
        *legends.seed_handles(rows, only),
        legends.epsilon_handle(spec.epsilon),
        *legends.certified_handles(certified, only),
        *legends.floor_handles(rows, models, spec),
    ]


@dataclass
class _PatternPanel(TaskPanel):
    """One task's panel: the stripes, the marks of every model."""

    places: Places

    @property
    def strip_height(self) -> float:
        """A row a model."""
        return STRIP_ROW * len(self.models)

    def draw_strip(self, axes: Axes) -> None:
        """Draw a row a model with a bar over each certified mask."""
        axes.spines[:].set_visible(False)
        axes.set(xticks=[], yticks=[], label="strip")
        self._draw_stripes(axes)
        axes.set_ylim(len(self.models) - 0.5, -0.5)
        bounds = {(row["model"], row["family"]): row["certified"] for row in self.of("essential")}
        for row in self.of("mean"):
            bound = bounds.get((row["model"], row["family"]))
            if known(bound) and row["sparsity"] <= bound:
                column = self.places.find(row)
                width = column.width - _BAR_GAP
                axes.barh(
                    list(self.models).index(row["model"]), width, left=column.middle - width / 2,
                    height=0.66, lw=0, color=self.models[row["model"]].colour,
                    alpha=style.BAR_ALPHA, label="certified",
                )  # fmt: skip

    def draw(self, axes: Axes) -> None:
        """Draw stripes, floors, the line at ε and the marks."""
        axes.set_label("patterns")
        self._draw_stripes(axes)
        self.draw_floors(axes)
        self.draw_epsilon(axes)
        for number, model in enumerate(self.models):
            shift = (number - (len(self.models) - 1) / 2) * DODGE
            for series in self.places.series:
                self._draw_marks(axes, model, series, shift * self.places.width / self.width)
        self.limit_drops(axes)
        self._write_places(axes)

    def _draw_stripes(self, axes: Axes) -> None:
        axes.set_xlim(0, self.places.width)
        for left, right in list(self.places.stripes.values())[::2]:
            axes.axvspan(left, right, color=style.PALE, lw=0, zorder=0)

    def _draw_marks(self, axes: Axes, model: str, series: Series, shift: float) -> None:
        """Draw a model's means, with their intervals, and its seeds."""
        look = self.models[model]

        def own(element: str) -> tuple[list[Row], list[float]]:
            rows = where(self.of(element), model=model)
            rows = [row for row in rows if Series.of(row) == series]
            return rows, [self.places.find(row).middle + shift for row in rows]

        (means, places), (seeds, of_seeds) = own("mean"), own("seed")
        for place, row in zip(places, means, strict=True):
            if known(row["drop_low"], row["drop_high"]):
                ends = [row["drop_low"], row["drop_high"]]
                axes.plot([place, place], ends, color=look.colour, lw=style.THIN_WIDTH,
                          label="interval")  # fmt: skip
        draw_seeds(axes, of_seeds, numbers(seeds, "drop"), look)
        axes.plot(
            places, numbers(means, "drop"), ls="none", marker=look.marker, ms=style.MARKER_SIZE,
            color=look.colour, label="mean", zorder=3, **self.places.marks(series),
        )  # fmt: skip

    def _write_places(self, axes: Axes) -> None:
        """Write patterns below their columns, and sparsities below those."""
        middles = [middle for _, middle in self.places.labels]
        axes.set_xticks(middles, [pattern for pattern, _ in self.places.labels])
        axes.tick_params(axis="x", length=0, pad=2)
        axes.xaxis.labelpad = 12
        for sparsity, (left, right) in self.places.stripes.items():
            axes.annotate(
                f"{100 * sparsity:.3g}", ((left + right) / 2, 0),
                xycoords=axes.get_xaxis_transform(), xytext=(0, -3 - 1.3 * style.TEXT_SIZE),
                textcoords="offset points", ha="center", va="top",
            )  # fmt: skip
