"""One task's panel of a figure of patterns: stripes of equal sparsity, and the marks in them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from essential_sparsity.drawing import layout, style
from essential_sparsity.drawing.elements import Row
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.drawing.task_panel import STRIP_ROW, TaskPanel, known

_PLAIN = 0.6  # width of an unstructured mask's column, if a pattern's is 1
_MARGIN = 0.1  # of a stripe, at both sides
_DODGE = 0.075  # inches between two models' marks in a column
_ROOM = 0.02  # inches between two labels
_BAR_GAP = 0.12  # between two bars of certified masks

# How marks of patterns and of unstructured masks are filled: full is a pattern, hollow none.
_PATTERN_FILLS = ("full", "top", "left")
_PLAIN_FILLS = ("none", "bottom", "right")


@dataclass(frozen=True)
class Series:
    """Masks that are marked alike: those of one criterion under all patterns, or of one scope."""

    label: str
    is_pattern: bool

    @classmethod
    def of(cls, row: Row) -> "Series":
        """Return the series of a mean or of a seed."""
        if row["pattern"] is None:
            return cls(row["label"], False)
        return cls(row["label"].replace(row["scope"], "N:M"), True)


@dataclass(frozen=True)
class Column:
    """Where the masks of one series stand, at one pattern or none."""

    series: Series
    pattern: str | None
    place: float

    @property
    def width(self) -> float:
        """How wide it is, if a pattern's is 1."""
        return 1.0 if self.pattern else _PLAIN


@dataclass(frozen=True)
class Stripe:
    """The columns of one sparsity, from `left` to `right`."""

    sparsity: float
    left: float
    right: float
    columns: tuple[Column, ...]

    def labels(self) -> Iterator[tuple[str, float]]:
        """Yield each pattern, and the middle of its columns."""
        for pattern in dict.fromkeys(c.pattern for c in self.columns if c.pattern):
            own = [column.place for column in self.columns if column.pattern == pattern]
            yield pattern, (own[0] + own[-1]) / 2


class Places:
    """The axis that all panels share: a stripe a sparsity, in it patterns, then other masks."""

    def __init__(self, rows: list[Row]) -> None:
        means = [row for row in rows if row["element"] == "mean"]
        found = dict.fromkeys(map(Series.of, means))
        self.series = sorted(found, key=lambda series: not series.is_pattern)
        self._sparsities: list[float] = sorted({row["sparsity"] for row in means if row["pattern"]})
        stripes: list[Stripe] = []
        for sparsity in self._sparsities:
            left = stripes[-1].right if stripes else 0.0
            own = [row for row in means if self._nearest(row) == sparsity]
            stripes.append(self._stripe(sparsity, left, own))
        self.stripes = tuple(stripes)
        self.width = stripes[-1].right

    def _nearest(self, row: Row) -> float:
        sparsity: float = row["sparsity"]
        return min(self._sparsities, key=lambda known: abs(known - sparsity))

    def _stripe(self, sparsity: float, left: float, rows: list[Row]) -> Stripe:
        patterns = dict.fromkeys(row["pattern"] for row in rows if row["pattern"])
        by_size = sorted(patterns, key=lambda pattern: int(pattern.partition(":")[2]))
        there = {(row["pattern"], Series.of(row)) for row in rows}
        columns = []
        right = left + _MARGIN
        for pattern in (*by_size, None):
            for series in self.series:
                if (pattern, series) in there:
                    column = Column(series, pattern, right)
                    columns.append(replace(column, place=right + column.width / 2))
                    right += column.width
        return Stripe(sparsity, left, right + _MARGIN, tuple(columns))

    def find(self, row: Row) -> Column:
        """Return where a mean or a seed stands."""
        series, nearest = Series.of(row), self._nearest(row)
        return next(
            column
            for stripe in self.stripes
            for column in stripe.columns
            if stripe.sparsity == nearest and column.series == series
            if column.pattern == row["pattern"]
        )

    def fill(self, series: Series) -> str:
        """Return matplotlib's name of how the marks of a series are filled."""
        alike = [other for other in self.series if other.is_pattern == series.is_pattern]
        fills = _PATTERN_FILLS if series.is_pattern else _PLAIN_FILLS
        return fills[alike.index(series) % len(fills)]

    def least_width(self, models: int) -> float:
        """Return the inches that the axis needs for its labels and for so many models' marks."""
        labels = {pattern for stripe in self.stripes for pattern, _ in stripe.labels()}
        widest = max(layout.text_width(label, style.TEXT_SIZE) for label in labels)
        return max(_DODGE * models, widest + _ROOM) * self.width


def sparsity_label(stripe: Stripe) -> str:
    """Return a stripe's sparsity in percent."""
    return f"{100 * stripe.sparsity:.3g}"


class PatternPanel(TaskPanel):
    """One task's panel: its title, the stripes, the marks of every model."""

    def __init__(
        self,
        rows: list[Row],
        task: str,
        models: dict[str, style.ModelStyle],
        places: Places,
        spec: FigureSpec,
        width: float,
    ) -> None:
        super().__init__(rows, task, models, spec, width)
        self._places = places
        self.strip_height = STRIP_ROW * len(models)

    def draw_strip(self, axes: Axes) -> None:
        """Draw title and dense scores, and a row a model with a bar over each certified mask."""
        axes.spines[:].set_visible(False)
        axes.set(xticks=[], yticks=[], label="strip")
        self._draw_stripes(axes)
        axes.set_ylim(len(self._models) - 0.5, -0.5)
        bounds = {(row["model"], row["family"]): row["certified"] for row in self.of("essential")}
        for row in self.of("mean"):
            bound = bounds.get((row["model"], row["family"]))
            if known(bound) and row["sparsity"] <= bound:
                column = self._places.find(row)
                axes.barh(
                    list(self._models).index(row["model"]), column.width - _BAR_GAP,
                    left=column.place - (column.width - _BAR_GAP) / 2, height=0.66, lw=0,
                    color=self._models[row["model"]].colour, alpha=style.BAR_ALPHA,
                    label="certified",
                )  # fmt: skip
        self.draw_title(axes)

    def draw(self, axes: Axes) -> None:
        """Draw stripes, floors, the line at ε and the marks."""
        axes.set_label("patterns")
        self._draw_stripes(axes)
        self.draw_floors(axes)
        self.draw_epsilon(axes)
        for number, model in enumerate(self._models):
            shift = (number - (len(self._models) - 1) / 2) * _DODGE
            for series in self._places.series:
                self._draw_marks(axes, model, series, shift * self._places.width / self._width)
        self.limit_drops(axes)
        self._write_places(axes)

    def _draw_stripes(self, axes: Axes) -> None:
        axes.set_xlim(0, self._places.width)
        for stripe in self._places.stripes[::2]:
            axes.axvspan(stripe.left, stripe.right, color=style.PALE, lw=0, zorder=0)

    def _draw_marks(self, axes: Axes, model: str, series: Series, shift: float) -> None:
        """Draw a model's means, with their intervals, and its seeds."""
        look = self._models[model]

        def own(element: str) -> list[Row]:
            rows = (row for row in self.of(element) if row["model"] == model)
            return [row for row in rows if Series.of(row) == series]

        def places(rows: list[Row]) -> list[float]:
            return [self._places.find(row).place + shift for row in rows]

        means, seeds = own("mean"), own("seed")
        for place, row in zip(places(means), means, strict=True):
            if known(row["drop_low"], row["drop_high"]):
                ends = [row["drop_low"], row["drop_high"]]
                axes.plot([place, place], ends, color=look.colour, lw=style.THIN_WIDTH,
                          label="interval")  # fmt: skip
        axes.plot(
            places(seeds), [row["drop"] for row in seeds], ls="none", marker=look.marker, ms=2.2,
            mfc="none", mec=look.colour, mew=0.5, alpha=0.55, label="seed",
        )  # fmt: skip
        axes.plot(
            places(means), [np.nan if row["drop"] is None else row["drop"] for row in means],
            ls="none", marker=look.marker, ms=style.MARKER_SIZE, color=look.colour, label="mean",
            zorder=3, **fill_marks(self._places.fill(series)),
        )  # fmt: skip

    def _write_places(self, axes: Axes) -> None:
        """Write patterns below their columns, and sparsities below those."""
        labels = [label for stripe in self._places.stripes for label in stripe.labels()]
        axes.set_xticks([place for _, place in labels], [pattern for pattern, _ in labels])
        axes.tick_params(axis="x", length=0, pad=2)
        for stripe in self._places.stripes:
            axes.annotate(
                sparsity_label(stripe), ((stripe.left + stripe.right) / 2, 0),
                xycoords=axes.get_xaxis_transform(), xytext=(0, -3 - 1.3 * style.TEXT_SIZE),
                textcoords="offset points", ha="center", va="top", size=style.TEXT_SIZE,
            )  # fmt: skip


def fill_marks(fill: str) -> dict[str, Any]:
    """Return the properties of marks that are full, half full or hollow."""
    if fill == "none":
        return {"mfc": "white", "mew": 0.8}
    return {"fillstyle": fill, "markerfacecoloralt": "white", "mew": 0.8}
