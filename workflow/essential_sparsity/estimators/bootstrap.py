"""Bootstrap over replicates and units (see `spread`), all masks resampled together."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from essential_sparsity.estimators.spread import Floats, Spread, linearised

Combine = Callable[[Floats], Floats]

_CHUNK = 2**22  # counts held at a time: 32 MiB, and as much again as floats


def named_generator(*names: str) -> np.random.Generator:
    """Return a random generator that depends on `names` and their order alone."""
    digest = hashlib.sha256("\n".join(names).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


@dataclass(frozen=True)
class Resamples:
    """Scores of every mask in every resample, of which any differences can be formed.

    In a resample, units are drawn with replacement, and the draw is the same for all masks and
    replicates: what a unit does to all masks alike cancels in their differences. Replicates are too
    few for that: two of them, drawn with replacement, are equal half of the time. So what a
    resample owes to its replicates is a normal variate, their deviations with random weights, of
    the variance that the two-way model tells to be the replicates' own, and a χ² says how far that
    variance may be off (see `spread`). Weights and χ² are the same for all masks, too.

    One replicate shows no spread: its intervals speak of that very one and new examples.

    Attributes:
        by_replicate: (masks, replicates), the scores as they are.
        by_unit: (masks, resamples), the replicates' mean, with the resampled units.
        values: (masks, replicates, units); see `linearised`.
        weights: (resamples, replicates), of the replicates' deviations: normal variates.
        chi_square: (resamples,), of replicates − 1 degrees of freedom.
        sizes: (units,), how many examples each is.
        design: the design effect of clusters on the first mask's score; see `design_effect`.
    """

    by_replicate: Floats
    by_unit: Floats
    values: Floats
    weights: Floats
    chi_square: Floats
    sizes: Floats
    design: float = 1.0

    def scores(self) -> Floats:
        """Return (masks, resamples)."""
        return self._of(self.by_replicate, self.by_unit, Spread.of(self.values))

    def differences(self, firsts: Sequence[int], seconds: Sequence[int]) -> Floats:
        """Return (pairs, resamples), the scores of the first masks less those of the second."""
        first, second = list(firsts), list(seconds)
        return self._of(
            self.by_replicate[first] - self.by_replicate[second],
            self.by_unit[first] - self.by_unit[second],
            Spread.of(self.values[first] - self.values[second]),
        )

    def drops(self) -> Floats:
        """Return (masks, resamples), the score of the first mask less that of each."""
        masks = range(len(self.by_replicate))
        return self.differences([0] * len(masks), masks)

    def drop_spread(self) -> Spread:
        """Return how the drops from the first mask spread, a number a mask."""
        return Spread.of(self.values[0] - self.values)

    def _of(self, by_replicate: Floats, by_unit: Floats, spread: Spread) -> Floats:
        replicates = by_replicate.shape[1]
        if replicates == 1:
            return by_unit
        deviations = by_replicate - by_replicate.mean(axis=1, keepdims=True)
        of_replicates = deviations @ self.weights.T / np.sqrt(replicates * (replicates - 1))
        moved: Floats = by_unit + spread.replicate_scale(self.chi_square) * of_replicates
        return moved


def resample(
    parts: Floats,
    combine: Combine,
    resamples: int,
    generator: np.random.Generator,
    clusters: npt.NDArray[Any] | None = None,
) -> Resamples:
    """Draw resamples of the runs of several masks.

    A replicate's score is that of its resampled examples together: of the means of their parts.
    Clusters are drawn whole. They may be few and tell their own spread badly: deviations are
    widened by √(C/χ²), C clusters and a χ² of C − 1 degrees of freedom, to follow Student's t.

    Args:
        parts: (masks, replicates, examples, parts), each example's parts of the metric.
        combine: means of parts (..., parts) → scores (...) in points; see `Metric`.
        resamples: how many to draw.
        generator: advanced by the same amount whatever the number of masks.
        clusters: (examples,), equal where examples belong together; None if none do.
    """
    sizes, design = np.ones(parts.shape[2]), 1.0
    if clusters is not None and len(np.unique(clusters)) < len(clusters):
        design = design_effect(linearised(parts[:1], combine).mean(axis=(0, 1)), clusters)
        sizes, parts, combine = _gather(clusters, parts, combine)
    masks, replicates, units, size = parts.shape
    # Whatever the number of replicates, units are drawn alike, and the first replicates weigh
    # alike.
    of_replicates, of_units, of_spread = generator.spawn(3)
    weights = of_replicates.standard_normal((replicates, resamples)).T
    chi_square = of_replicates.chisquare(max(replicates - 1, 1), resamples)
    flat = np.moveaxis(parts, -1, 2).reshape(-1, units)
    by_unit = np.empty((masks, resamples))
    rows = max(1, _CHUNK // units)
    for start in range(0, resamples, rows):
        chunk = slice(start, min(start + rows, resamples))
        shares = _drawn_shares(of_units, chunk.stop - chunk.start, units)
        means = (flat @ shares.T).reshape(masks, replicates, size, -1)
        by_unit[:, chunk] = combine(np.moveaxis(means, 2, -1)).mean(axis=1)
    by_replicate = combine(parts.mean(axis=2))
    if sizes.max() > 1:
        centre = by_replicate.mean(axis=1, keepdims=True)
        widening = np.sqrt(units / of_spread.chisquare(max(units - 1, 1), resamples))
        by_unit = centre + widening * (by_unit - centre)
    values = linearised(parts, combine)
    return Resamples(by_replicate, by_unit, values, weights, chi_square, sizes, design)


def _gather(
    clusters: npt.NDArray[Any], parts: Floats, combine: Combine
) -> tuple[Floats, Floats, Combine]:
    """Return clusters' sizes, their parts (masks, replicates, clusters, parts + 1) and the metric.

    A cluster's parts are sums over its examples, and its size, all by the clusters' mean size. So a
    mean over examples is a ratio of means over clusters.
    """
    _, places, counts = np.unique(clusters, return_inverse=True, return_counts=True)
    sizes = counts.astype(np.float64)
    order = np.argsort(places, kind="stable")
    sums = np.add.reduceat(parts[:, :, order], np.cumsum(counts) - counts, axis=2)
    column = np.broadcast_to(sizes[:, None], (*sums.shape[:3], 1))
    gathered = np.concatenate([sums, column], axis=-1) / sizes.mean()
    return sizes, gathered, lambda means: combine(means[..., :-1] / means[..., -1:])


def design_effect(values: Floats, clusters: npt.NDArray[Any]) -> float:
    """Return how much less examples in clusters tell of their mean than independent ones, at most.

    That is the variance of the mean, clusters drawn whole, over that of as many examples drawn
    alone (Kish 1965), as its upper bound of 95 %: C clusters know it to a χ² of C − 1 degrees of
    freedom. It is 1 or more; infinite where there is one cluster, or all values are equal.

    Args:
        values: (examples,).
        clusters: (examples,), equal where examples belong together.
    """
    # A quarter of a second that the workflow, which reads specs alone, need not spend.
    from scipy.special import chdtri

    _, places = np.unique(clusters, return_inverse=True)
    count = int(places.max()) + 1
    deviations = values - values.mean()
    alone = np.square(deviations).sum()
    if count == 1 or alone == 0:
        return np.inf
    together = np.square(np.bincount(places, deviations)).sum()
    return max(1.0, float(together / alone * count / chdtri(count - 1, 0.95)))


def _drawn_shares(generator: np.random.Generator, rows: int, size: int) -> Floats:
    """Return (rows, size) shares, each row summing to 1, of `size` draws with replacement."""
    # numpy's multinomial is ten times slower: one binomial an element.
    drawn = generator.integers(size, size=(rows, size))
    drawn += np.arange(rows)[:, None] * size
    return np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size) / size


def percentile_interval(samples: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Return the lower and upper bound over the last axis of `samples`.

    Bounds are samples themselves, rounded outward, so that infinities may stand for values that
    lie off a scale's end.
    """
    tail = (1 - confidence) / 2
    low = np.quantile(samples, tail, axis=-1, method="lower")
    high = np.quantile(samples, 1 - tail, axis=-1, method="higher")
    return low, high
