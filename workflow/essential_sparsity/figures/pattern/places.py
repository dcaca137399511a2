"""The axis of a figure of patterns: a stripe a sparsity, in it patterns, then other masks."""

from typing import Any, NamedTuple

from essential_sparsity.drawing import layout
from essential_sparsity.drawing.rows import Row, names_of

DODGE = 0.075  # inches between two models' marks in a column

_PLAIN = 0.6  # width of an unstructured mask's column, if a pattern's is 1
_MARGIN = 0.1  # of a stripe, at both sides
_ROOM = 0.02  # inches between two labels

# How marks of patterns and of unstructured masks are filled: full is a pattern, hollow none.
_PATTERN_FILLS = ("full", "top", "left")
_PLAIN_FILLS = ("none", "bottom", "right")


class Series(NamedTuple):
    """Masks that are marked alike: those of one criterion under all patterns, or of one scope."""

    label: str
    is_pattern: bool

    @classmethod
    def of(cls, row: Row) -> "Series":
        """Return the series of a mean or of a seed."""
        if row["pattern"] is None:
            return cls(row["label"], False)
        return cls(row["label"].replace(row["scope"], "N:M"), True)


class Column(NamedTuple):
    """Where the masks of one series stand, at one pattern or none; a pattern's is 1 wide."""

    middle: float
    width: float


class Places:
    """What all panels share.

    Attributes:
        series: in the order of their columns.
        stripes: sparsity → where it begins and ends.
        width: of all stripes.
        labels: patterns, and the middle of each one's columns in a stripe.
    """

    def __init__(self, means: list[Row]) -> None:
        found = dict.fromkeys(map(Series.of, means))
        self.series = sorted(found, key=lambda series: not series.is_pattern)
        self._sparsities: list[float] = sorted({row["sparsity"] for row in means if row["pattern"]})
        self._columns: dict[tuple[float, str | None, Series], Column] = {}
        self.stripes: dict[float, tuple[float, float]] = {}
        self.labels: list[tuple[str, float]] = []
        self.width = 0.0
        for sparsity in self._sparsities:
            self._add_stripe(sparsity, [row for row in means if self._nearest(row) == sparsity])

    def _nearest(self, row: Row) -> float:
        sparsity: float = row["sparsity"]
        return min(self._sparsities, key=lambda known: abs(known - sparsity))

    def _add_stripe(self, sparsity: float, rows: list[Row]) -> None:
        patterns = filter(None, names_of(rows, "pattern"))
        by_size = sorted(patterns, key=lambda pattern: int(pattern.partition(":")[2]))
        there = {(row["pattern"], Series.of(row)) for row in rows}
        left, right = self.width, self.width + _MARGIN
        for pattern in (*by_size, None):
            middles = []
            for series in self.series:
                if (pattern, series) in there:
                    width = 1.0 if pattern else _PLAIN
                    middles.append(right + width / 2)
                    self._columns[sparsity, pattern, series] = Column(middles[-1], width)
                    right += width
            if pattern:
                self.labels.append((pattern, (middles[0] + middles[-1]) / 2))
        self.width = right + _MARGIN
        self.stripes[sparsity] = (left, self.width)

    def find(self, row: Row) -> Column:
        """Return where a mean or a seed stands."""
        return self._columns[self._nearest(row), row["pattern"], Series.of(row)]

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
        widest = max(layout.text_width(pattern) for pattern, _ in self.labels)
        return max(DODGE * models, widest + _ROOM) * self.width
