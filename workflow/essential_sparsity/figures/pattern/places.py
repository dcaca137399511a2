"""The axis of a figure of patterns: a stripe a sparsity, in it patterns, then other masks."""

from dataclasses import dataclass
from typing import Any

from essential_sparsity.drawing import layout
from essential_sparsity.drawing.rows import Row, names_of, where

DODGE = 0.075  # inches between two models' marks in a column

_PLAIN = 0.6  # width of an unstructured mask's column, if a pattern's is 1
_MARGIN = 0.1  # of a stripe, at both sides
_ROOM = 0.02  # inches between two labels

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
    """Where the masks of one series stand, at one pattern or none; a pattern's is 1 wide."""

    series: Series
    pattern: str | None
    left: float

    @property
    def width(self) -> float:
        """How wide it is."""
        return 1.0 if self.pattern else _PLAIN

    @property
    def middle(self) -> float:
        """Where its marks stand."""
        return self.left + self.width / 2


@dataclass(frozen=True)
class Stripe:
    """The columns of one sparsity, from `left` to `right`."""

    sparsity: float
    left: float
    columns: tuple[Column, ...]

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.columns[-1].left + self.columns[-1].width + _MARGIN

    @property
    def labels(self) -> list[tuple[str, float]]:
        """Each pattern, and the middle of its columns."""
        found: dict[str, list[float]] = {}
        for column in self.columns:
            if column.pattern:
                found.setdefault(column.pattern, []).append(column.middle)
        return [(pattern, (own[0] + own[-1]) / 2) for pattern, own in found.items()]


class Places:
    """The stripes that all panels share."""

    def __init__(self, rows: list[Row]) -> None:
        means = where(rows, element="mean")
        found = dict.fromkeys(map(Series.of, means))
        self.series = sorted(found, key=lambda series: not series.is_pattern)
        self._sparsities: list[float] = sorted({row["sparsity"] for row in means if row["pattern"]})
        self.stripes: list[Stripe] = []
        for sparsity in self._sparsities:
            own = [row for row in means if self._nearest(row) == sparsity]
            self.stripes.append(self._stripe(sparsity, self.width, own))

    @property
    def width(self) -> float:
        """The whole axis's, if a pattern's column is 1."""
        return self.stripes[-1].right if self.stripes else 0.0

    def _nearest(self, row: Row) -> float:
        sparsity: float = row["sparsity"]
        return min(self._sparsities, key=lambda known: abs(known - sparsity))

    def _stripe(self, sparsity: float, left: float, rows: list[Row]) -> Stripe:
        patterns = filter(None, names_of(rows, "pattern"))
        by_size = sorted(patterns, key=lambda pattern: int(pattern.partition(":")[2]))
        there = {(row["pattern"], Series.of(row)) for row in rows}
        columns: list[Column] = []
        right = left + _MARGIN
        for pattern in (*by_size, None):
            for series in self.series:
                if (pattern, series) in there:
                    columns.append(Column(series, pattern, right))
                    right += columns[-1].width
        return Stripe(sparsity, left, tuple(columns))

    def find(self, row: Row) -> Column:
        """Return where a mean or a seed stands."""
        place = Series.of(row), row["pattern"]
        stripe = self.stripes[self._sparsities.index(self._nearest(row))]
        return next(c for c in stripe.columns if (c.series, c.pattern) == place)

    def marks(self, series: Series) -> dict[str, Any]:
        """Return matplotlib's properties of marks that are full, half full or hollow."""
        alike = [other for other in self.series if other.is_pattern == series.is_pattern]
        fills = _PATTERN_FILLS if series.is_pattern else _PLAIN_FILLS
        fill = fills[alike.index(series) % len(fills)]
        if fill == "none":
            return {"mfc": "white", "mew": 0.8}
        return {"fillstyle": fill, "markerfacecoloralt": "white", "mew": 0.8}

    def least_width(self, models: int) -> float:
        """Return the inches that the axis needs for its labels and for so many models' marks."""
        labels = {pattern for stripe in self.stripes for pattern, _ in stripe.labels}
        widest = max(map(layout.text_width, labels))
        return max(DODGE * models, widest + _ROOM) * self.width
