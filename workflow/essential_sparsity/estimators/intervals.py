"""Intervals of measured values: how they are widened for several looks, and subtracted."""

from dataclasses import dataclass, replace
from math import sqrt
from statistics import NormalDist
from typing import Literal, Self

from essential_sparsity.estimators.words import Censoring, signed

_OPPOSITE: dict[str, Censoring | Literal["unknown"]] = {
    "": "",
    "above": "below",
    "below": "above",
    "unknown": "unknown",
}


@dataclass(frozen=True)
class Interval:
    """A value with a lower and an upper bound.

    `open`: a part of it lies off a grid's end, and what stands for that part is the last value that
    is possible, so that the bounds are sure but their distances from `value` mean nothing.
    `censored`: on which side of `value` the estimate lies, where that is all that is known;
    `unknown` where not even the side is.
    """

    value: float
    low: float
    high: float
    open: bool = False
    censored: Censoring | Literal["unknown"] = ""

    @classmethod
    def exact(cls, value: float) -> Self:
        """Return the interval of a value that was counted, not estimated."""
        return cls(value, value, value)

    @property
    def is_exact(self) -> bool:
        """True if the interval has no width, as its value was counted."""
        return self.low == self.high

    def widened(self, factor: float) -> "Interval":
        """Return the interval with its bounds `factor` times as far from its value."""
        low = self.value - factor * (self.value - self.low)
        high = self.value + factor * (self.high - self.value)
        return replace(self, low=low, high=high)

    def scaled(self, factor: float) -> "Interval":
        """Return the interval in another unit; `factor` is positive."""
        value, low, high = (factor * number for number in (self.value, self.low, self.high))
        return replace(self, value=value, low=low, high=high)

    def less(self, other: "Interval") -> "Interval":
        """Return the interval of the difference of two independent values.

        Square-and-add by the side that matters (MOVER; Zou and Donner, 2008), which needs no
        symmetry; where a part of either is open, the worst case of the bounds.
        """
        value = self.value - other.value
        if self.open or other.open:
            sides = {self.censored, _OPPOSITE[other.censored]} - {""}
            side = sides.pop() if len(sides) == 1 else "unknown" if sides else ""
            return Interval(value, self.low - other.high, self.high - other.low, True, side)
        below = sqrt((self.value - self.low) ** 2 + (other.high - other.value) ** 2)
        above = sqrt((self.high - self.value) ** 2 + (other.value - other.low) ** 2)
        return Interval(value, value - below, value + above)

    def say_value(self) -> str:
        """Return `52.3`, or `> 50` where all that is known is that it lies beyond."""
        return "unknown" if self.censored == "unknown" else signed(self.value, self.censored)

    def say_bounds(self) -> str:
        """Return `[44, 61]`; nothing where the value was counted."""
        return "" if self.is_exact else f"[{self.low:.3g}, {self.high:.3g}]"

    def say(self, unit: str) -> str:
        """Return `52.3 [44, 61] %`."""
        return " ".join(filter(None, (self.say_value(), self.say_bounds(), unit)))


def normal_quantile(confidence: float, comparisons: int = 1) -> float:
    """Return how many standard errors a two-sided interval reaches to either side.

    With several comparisons, that of Bonferroni's interval: wide enough for all of them together.
    """
    return NormalDist().inv_cdf(1 - (1 - confidence) / (2 * comparisons))


def widening(confidence: float, comparisons: int) -> float:
    """Return how many times as wide Bonferroni's interval is, for normal errors."""
    return normal_quantile(confidence, comparisons) / normal_quantile(confidence)
