"""Magnitudes counted in fine bins: how unequal they are, and their quantiles.

Bins are those of the masks' histograms: the upper bits of |w| as a float32, so that a bin's width
is at most 2⁻⁸ of its magnitude. With every bin's count *and* sum kept, the Gini coefficient is off
by no more than the inequality within bins, some 10⁻⁶; of bfloat16 weights it is exact.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from essential_sparsity.masks.keys import LOW_BITS, bin_count, bins_of
from essential_sparsity.weights.moments import Values

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
