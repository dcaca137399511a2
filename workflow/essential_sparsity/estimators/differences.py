"""How much better one mask scores than another, between runs of equal seed on equal examples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from essential_sparsity.estimators.bootstrap import percentile_interval, resample
from essential_sparsity.estimators.settings import Settings
from essential_sparsity.estimators.spread import Floats


@dataclass(frozen=True)
class Difference:
    """A mask's score less its partner's, in points: the mean, its interval, its extreme seeds."""

    score: float
    baseline_score: float
    difference: float
    difference_low: float
    difference_high: float
    confidence: float
    difference_min: float
    difference_max: float


def measure_differences(
    parts: Floats,
    combine: Callable[[Floats], Floats],
    pairs: Sequence[tuple[int, int]],
    settings: Settings,
    generator: np.random.Generator,
) -> tuple[list[Difference], float]:
    """Return the difference of every pair, and the lower bound of the first mask's score.

    Seeds and examples of a resample are the same for all masks, so that what they do to both masks
    of a pair cancels.

    Args:
        parts: (masks, seeds, examples, parts), the dense model's first; see `resample`.
        combine: see `resample`.
        pairs: (mask, its partner), places among the masks; at least one pair.
        settings: confidence and resamples.
        generator: see `resample`.
    """
    by_seed = combine(parts.mean(axis=2))
    drawn = resample(parts, combine, settings.resamples, generator)
    found = []
    samples = drawn.differences(*zip(*pairs, strict=True))
    for (mask, partner), of_pair in zip(pairs, samples, strict=True):
        differences = by_seed[mask] - by_seed[partner]
        low, high = percentile_interval(of_pair, settings.confidence)
        found.append(
            Difference(
                score=float(by_seed[mask].mean()),
                baseline_score=float(by_seed[partner].mean()),
                difference=float(differences.mean()),
                difference_low=float(low),
                difference_high=float(high),
                confidence=settings.confidence,
                difference_min=float(differences.min()),
                difference_max=float(differences.max()),
            )
        )
    dense_low, _ = percentile_interval(drawn.scores()[0], settings.confidence)
    return found, float(dense_low)
