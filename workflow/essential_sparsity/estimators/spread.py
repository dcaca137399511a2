"""How far a mean over seeds and examples may be off: the two-way random-effects model.

A value of seed s on example e is μ + aₛ + bₑ + cₛₑ. Its mean over S seeds and E examples has the
variance σ²ₐ/S + σ²_b/E + σ²_c/SE, which the mean squares of an analysis of variance estimate:
(Mₐ − M_c + M_b)/SE. With few seeds Mₐ is known badly, and this is what makes intervals wide: its
true counterpart is Mₐ·(S − 1)/χ² with a χ² of S − 1 degrees of freedom. Averaged over that χ², the
normal distribution of the mean becomes Student's t where seeds dominate and stays normal where
examples do: a generalised interval (Weerahandi 1993; Hannig, Iyer and Patterson 2006).
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
    """The mean squares of values of `seeds` × `examples`, each of any shape (…).

    `between_seeds` and `residual` are 0 where there is one seed: what such values tell is of that
    very seed.
    """

    between_seeds: Floats
    between_examples: Floats
    residual: Floats
    seeds: int
    examples: int

    @classmethod
    def of(cls, values: Floats) -> "Spread":
        """Return that of values (…, seeds, examples)."""
        seeds, examples = values.shape[-2:]
        by_seed, by_example = values.mean(axis=-1), values.mean(axis=-2)
        mean = by_seed.mean(axis=-1)
        of_seeds = examples * np.square(by_seed - mean[..., None]).sum(axis=-1)
        of_examples = seeds * np.square(by_example - mean[..., None]).sum(axis=-1)
        total = np.square(values - mean[..., None, None]).sum(axis=(-2, -1))
        rest = np.maximum(total - of_seeds - of_examples, 0)
        return cls(
            of_seeds / max(seeds - 1, 1),
            of_examples / max(examples - 1, 1),
            rest / max((seeds - 1) * (examples - 1), 1),
            seeds,
            examples,
        )

    @property
    def mean_variance(self) -> Floats:
        """The mean's variance (…), as estimated."""
        return self.variance(np.array([max(self.seeds - 1.0, 1.0)]))[..., 0]

    def variance(self, chi_square: Floats) -> Floats:
        """Return the mean's variance (…, draws), where Mₐ is Mₐ·(S − 1)/χ² for every draw of χ²."""
        return (self._seeds_alone(chi_square) + self.between_examples[..., None]) / (
            self.seeds * self.examples
        )

    def seed_scale(self, chi_square: Floats) -> Floats:
        """Return the factors (…, draws) by which seeds' deviations stand for those of true ones.

        The deviations have the mean square Mₐ, in which the residual's part is contained.
        """
        measured = np.where(self.between_seeds > 0, self.between_seeds, 1)[..., None]
        return np.sqrt(self._seeds_alone(chi_square) / measured)

    def _seeds_alone(self, chi_square: Floats) -> Floats:
        true = self.between_seeds[..., None] * (self.seeds - 1) / chi_square
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
        chi_square = chdtri(max(self.seeds - 1, 1), shares)
        deviation = np.sqrt(np.maximum(self.variance(chi_square), floor))
        apart = -np.asarray(distance)[..., None]
        certain = np.where(apart > 0, 1.0, np.where(apart < 0, 0.0, 0.5))
        positive = np.where(deviation > 0, deviation, 1)
        found: Floats = np.where(deviation > 0, ndtr(apart / positive), certain).mean(axis=-1)
        return found


def linearised(parts: Floats, combine: Callable[[Floats], Floats]) -> Floats:
    """Return values (masks, seeds, examples) whose means over examples are the metric of theirs.

    An example's value is the seed's metric plus what the metric gains per share of weight that is
    moved to this example (the infinitesimal jackknife). Where the metric is a mean, it is the
    example's own score.

    Args:
        parts: (masks, seeds, examples, parts), each example's parts of the metric.
        combine: means of parts (..., parts) → scores (...); see `Metric`.
    """
    values = np.empty(parts.shape[:-1])
    for index, of_mask in enumerate(parts):
        means = of_mask.mean(axis=1, keepdims=True)
        scores = combine(means)
        gains = (combine(means + _STEP * (of_mask - means)) - scores) / _STEP
        # What is left of higher orders, so that the mean is exactly the metric.
        values[index] = scores + gains - gains.mean(axis=1, keepdims=True)
    return values
