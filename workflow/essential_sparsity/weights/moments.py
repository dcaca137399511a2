"""Moments and histograms of many numbers that are never in memory together."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from essential_sparsity.masks.keys import LOW_BITS, bin_count, bins_of

Values = npt.NDArray[np.float64]

# Relative to the largest magnitude: the rounding error of a mean is below, a spread that float32
# can express above.
_ROUNDING = 1e-14


@dataclass(frozen=True)
class Moments:
    """Count, mean, sums of powers of the deviations from the mean, and the largest magnitude.

    The moments of two sets add up to those of their union (Pébay 2008, Sandia report
    SAND2008-6212), without the cancellation that sums of raw powers suffer from.
    """

    count: int = 0
    mean: float = 0.0
    second: float = 0.0
    third: float = 0.0
    fourth: float = 0.0
    largest: float = 0.0

    @classmethod
    def of(cls, values: Values) -> "Moments":
        """Return the moments of float64 numbers, (n,) with n ≥ 1."""
        mean = float(values.mean())
        powers = values - mean
        squares = powers * powers
        second = float(squares.sum())
        powers *= squares
        third = float(powers.sum())
        squares *= squares
        return cls(
            count=len(values),
            mean=mean,
            second=second,
            third=third,
            fourth=float(squares.sum()),
            largest=float(max(values.max(), -values.min())),
        )

    def __add__(self, other: "Moments") -> "Moments":
        count = self.count + other.count
        if not self.count or not other.count:
            return self if self.count else other
        a, b = self.count / count, other.count / count
        apart = other.mean - self.mean
        return Moments(
            count=count,
            mean=self.mean + b * apart,
            second=self.second + other.second + count * a * b * apart**2,
            third=self.third
            + other.third
            + count * a * b * (a - b) * apart**3
            + 3 * apart * (a * other.second - b * self.second),
            fourth=self.fourth
            + other.fourth
            + count * a * b * (a * a - a * b + b * b) * apart**4
            + 6 * apart**2 * (a * a * other.second + b * b * self.second)
            + 4 * apart * (a * other.third - b * self.third),
            largest=max(self.largest, other.largest),
        )

    @property
    def sigma(self) -> float:
        """The standard deviation (of all, not of a sample); 0 where the numbers are all alike."""
        sigma = math.sqrt(self.second / self.count)
        return sigma if sigma > _ROUNDING * self.largest else 0.0

    @property
    def norm(self) -> float:
        """The L2 norm."""
        return math.sqrt(self.second + self.count * self.mean**2)

    @property
    def kurtosis(self) -> float | None:
        """The excess kurtosis (0 for a normal distribution); None where the numbers are all alike.

        That of the numbers themselves, without a correction for samples.
        """
        if not self.sigma:
            return None
        return self.count * self.fourth / self.second**2 - 3


_BITS = 31
_BINS = bin_count(_BITS)


@dataclass(frozen=True)
class Magnitudes:
    """How many magnitudes each bin has, and their sum, (bins,) each."""

    counts: npt.NDArray[np.int64]
    sums: Values

    @classmethod
    def of(cls, values: Values) -> "Magnitudes":
        """Count the magnitudes of finite numbers, (n,)."""
        magnitudes = np.abs(values)
        keys = magnitudes.astype(np.float32).view(np.uint32)
        bins = bins_of(keys, _BITS).astype(np.intp)
        sums = np.asarray(np.bincount(bins, magnitudes, minlength=_BINS), np.float64)
        return cls(np.bincount(bins, minlength=_BINS), sums)

    def __add__(self, other: "Magnitudes") -> "Magnitudes":
        return Magnitudes(self.counts + other.counts, self.sums + other.sums)

    def gini(self) -> float | None:
        """Return the Gini coefficient: 0 if all are alike, near 1 if few have it all.

        It is Σᵢⱼ |xᵢ − xⱼ| / (2 n² x̄), which does not change with the scale; None if all are 0.
        """
        total = float(self.sums.sum())
        if not total:
            return None
        held = np.cumsum(self.sums) / total
        # One less twice the area under the Lorenz curve, whose corners are the bins.
        before = np.concatenate([[0.0], held[:-1]])
        return 1.0 - float(((before + held) * self.counts).sum()) / int(self.counts.sum())

    def quantile(self, share: float) -> float:
        """Return a magnitude that `share` of all do not exceed: a bin's upper edge, or 0."""
        reached = np.cumsum(self.counts) >= share * self.counts.sum()
        index = int(np.argmax(reached))
        if not self.sums[index]:  # the bin of zeros
            return 0.0
        return float(np.uint32((index + 1) << LOW_BITS).view(np.float32))
