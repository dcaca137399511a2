"""Bootstrap over seeds and examples at once, with every mask's scores resampled together."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from essential_sparsity.estimators.spread import Floats, Spread, linearised

_CHUNK = 2**22  # counts held at a time: 32 MiB, and as much again as floats


def named_generator(*names: str) -> np.random.Generator:
    """Return a random generator that depends on `names` and their order alone."""
    digest = hashlib.sha256("\n".join(names).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


@dataclass(frozen=True)
class Resamples:
    """Scores of every mask in every resample, of which any differences can be formed.

    In a resample, examples are drawn with replacement, and the draw is the same for all masks and
    seeds: what an example does to all masks alike cancels in their differences. Seeds are too few
    for that: two of them, drawn with replacement, are equal half of the time. So what a resample
    owes to its seeds is a normal variate, the seeds' deviations with random weights, of the
    variance that the two-way model tells to be the seeds' own, and a χ² says how far that variance
    may be off (see `spread`). Weights and χ² are the same for all masks, too.

    One seed shows no spread: its intervals speak of that very seed and new examples.

    Attributes:
        by_seed: (masks, seeds), the scores as they are.
        by_example: (masks, resamples), the seeds' mean, with the resampled examples.
        values: (masks, seeds, examples); see `linearised`.
        weights: (resamples, seeds), of the seeds' deviations: normal variates.
        chi_square: (resamples,), of seeds − 1 degrees of freedom.
    """

    by_seed: Floats
    by_example: Floats
    values: Floats
    weights: Floats
    chi_square: Floats

    def scores(self) -> Floats:
        """Return (masks, resamples)."""
        return self._of(self.by_seed, self.by_example, self.spread())

    def differences(self, firsts: Sequence[int], seconds: Sequence[int]) -> Floats:
        """Return (pairs, resamples), the scores of the first masks less those of the second."""
        first, second = list(firsts), list(seconds)
        return self._of(
            self.by_seed[first] - self.by_seed[second],
            self.by_example[first] - self.by_example[second],
            Spread.of(self.values[first] - self.values[second]),
        )

    def drops(self) -> Floats:
        """Return (masks, resamples), the score of the first mask less that of each."""
        masks = range(len(self.by_seed))
        return self.differences([0] * len(masks), masks)

    def spread(self) -> Spread:
        """Return how the scores spread over seeds and examples, a number a mask."""
        return Spread.of(self.values)

    def drop_spread(self) -> Spread:
        """Return the same of the drops from the first mask."""
        return Spread.of(self.values[0] - self.values)

    def _of(self, by_seed: Floats, by_example: Floats, spread: Spread) -> Floats:
        seeds = by_seed.shape[1]
        if seeds == 1:
            return by_example
        deviations = by_seed - by_seed.mean(axis=1, keepdims=True)
        of_seeds = deviations @ self.weights.T / np.sqrt(seeds * (seeds - 1))
        moved: Floats = by_example + spread.seed_scale(self.chi_square) * of_seeds
        return moved


def resample(
    parts: Floats,
    combine: Callable[[Floats], Floats],
    resamples: int,
    generator: np.random.Generator,
) -> Resamples:
    """Draw resamples of the runs of several masks.

    A seed's score is that of its resampled examples together: of the means of their parts.

    Args:
        parts: (masks, seeds, examples, parts), each example's parts of the metric.
        combine: means of parts (..., parts) → scores (...) in points; see `Metric`.
        resamples: how many to draw.
        generator: advanced by the same amount whatever the number of masks.
    """
    masks, seeds, examples, size = parts.shape
    # Whatever the number of seeds, examples are drawn alike, and the first seeds weigh alike.
    of_seeds, of_examples = generator.spawn(2)
    weights = of_seeds.standard_normal((seeds, resamples)).T
    chi_square = of_seeds.chisquare(max(seeds - 1, 1), resamples)
    flat = np.moveaxis(parts, -1, 2).reshape(-1, examples)
    by_example = np.empty((masks, resamples))
    rows = max(1, _CHUNK // examples)
    for start in range(0, resamples, rows):
        chunk = slice(start, min(start + rows, resamples))
        shares = _drawn_shares(of_examples, chunk.stop - chunk.start, examples)
        means = (flat @ shares.T).reshape(masks, seeds, size, -1)
        by_example[:, chunk] = combine(np.moveaxis(means, 2, -1)).mean(axis=1)
    by_seed = combine(parts.mean(axis=2))
    return Resamples(by_seed, by_example, linearised(parts, combine), weights, chi_square)


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
