"""How far a mean over replicates and units may be off: the two-way random-effects model.

Replicates are training seeds, or other draws; units are examples, or clusters of them. A value of
replicate s on unit e is μ + aₛ + bₑ + cₛₑ. Its mean over S replicates and E units has the variance
σ²ₐ/S + σ²_b/E + σ²_c/SE, which the mean squares of an analysis of variance estimate:
(Mₐ − M_c + M_b)/SE. With few replicates Mₐ is known badly, and this is what makes intervals wide:
its true counterpart is Mₐ·(S − 1)/χ² with a χ² of S − 1 degrees of freedom. Averaged over that χ²,
the normal distribution of the mean becomes Student's t where replicates dominate and stays normal
where units do: a generalised interval (Weerahandi 1993; Hannig, Iyer and Patterson 2006).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_STEP = 1e-4
_QUANTILES = 500


@dataclass(frozen=True)
class Spread:
    """The mean squares of values of `replicates` × `units`, each of any shape (…).

    `between_replicates` and `residual` are 0 where there is one replicate: what such values tell is
    of that very one.
    """

    between_replicates: Floats
    between_units: Floats
    residual: Floats
    replicates: int
    units: int

    @classmethod
    def of(cls, values: Floats) -> "Spread":
        """Return that of values (…, replicates, units)."""
        replicates, units = values.shape[-2:]
        by_replicate, by_unit = values.mean(axis=-1), values.mean(axis=-2)
        mean = by_replicate.mean(axis=-1)
        of_replicates = units * np.square(by_replicate - mean[..., None]).sum(axis=-1)
        of_units = replicates * np.square(by_unit - mean[..., None]).sum(axis=-1)
        total = np.square(values - mean[..., None, None]).sum(axis=(-2, -1))
        rest = np.maximum(total - of_replicates - of_units, 0)
        return cls(
            of_replicates / max(replicates - 1, 1),
            of_units / max(units - 1, 1),
            rest / max((replicates - 1) * (units - 1), 1),
            replicates,
            units,
        )

    @property
    def mean_variance(self) -> Floats:
        """The mean's variance (…), as estimated."""
        return self.variance(np.array([max(self.replicates - 1.0, 1.0)]))[..., 0]

    def variance(self, chi_square: Floats) -> Floats:
        """Return the mean's variance (…, draws), where Mₐ is Mₐ·(S − 1)/χ² for every draw of χ²."""
        alone = self._replicates_alone(chi_square)
        return (alone + self.between_units[..., None]) / (self.replicates * self.units)

    def replicate_scale(self, chi_square: Floats) -> Floats:
        """Return the factors (…, draws) by which replicates' deviations stand for true ones.

        The deviations have the mean square Mₐ, in which the residual's part is contained.
        """
        measured = np.where(self.between_replicates > 0, self.between_replicates, 1)[..., None]
        return np.sqrt(self._replicates_alone(chi_square) / measured)

    def _replicates_alone(self, chi_square: Floats) -> Floats:
        true = self.between_replicates[..., None] * (self.replicates - 1) / chi_square
        return np.maximum(true - self.residual[..., None], 0)

    def probability_below(self, distance: Floats, floor: float = 0) -> Floats:
        """Return the probability (…) of a mean that lies by `distance` (…) below its own, or more.

        Args:
            distance: how far the mean lies above the value in question.
            floor: the least variance of the mean.
        """
        # A quarter of a second that the workflow, which reads specs alone, need not spend.
        from scipy.special import chdtri, ndtr

        shares = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
        chi_square = chdtri(max(self.replicates - 1, 1), shares)
        deviation = np.sqrt(np.maximum(self.variance(chi_square), floor))
        apart = -np.asarray(distance)[..., None]
        certain = np.where(apart > 0, 1.0, np.where(apart < 0, 0.0, 0.5))
        positive = np.where(deviation > 0, deviation, 1)
        found: Floats = np.where(deviation > 0, ndtr(apart / positive), certain).mean(axis=-1)
        return found


def linearised(parts: Floats, combine: Callable[[Floats], Floats]) -> Floats:
    """Return values (masks, replicates, units) whose means over units are the metric of theirs.

    A unit's value is the replicate's metric plus what the metric gains per share of weight that is
    moved to this unit (the infinitesimal jackknife). Where the metric is a mean over units, it is
    the unit's own score.

    Args:
        parts: (masks, replicates, units, parts), each unit's parts of the metric.
        combine: means of parts (..., parts) → scores (...).
    """
    values = np.empty(parts.shape[:-1])
    for index, of_mask in enumerate(parts):
        means = of_mask.mean(axis=1, keepdims=True)
        scores = combine(means)
        gains = (combine(means + _STEP * (of_mask - means)) - scores) / _STEP
        # What is left of higher orders, so that the mean is exactly the metric.
        values[index] = scores + gains - gains.mean(axis=1, keepdims=True)
    return values
