"""Bootstrap over seeds and examples at once, with every mask's scores resampled together."""

import hashlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_CHUNK = 2**22  # counts held at a time: 32 MiB, and as much again as floats


def named_generator(*names: str) -> np.random.Generator:
    """Return a random generator that depends on `names` and their order alone."""
    digest = hashlib.sha256("\n".join(names).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def resampled_scores(
    parts: Floats,
    combine: Callable[[Floats], Floats],
    resamples: int,
    generator: np.random.Generator,
) -> Floats:
    """Return the score of every mask, its seeds' mean, in every resample.

    In a resample, seeds and examples are each drawn with replacement, and the draw is the same for
    all masks: what a seed or an example does to all masks alike cancels in their differences. A
    seed's score is that of its resampled examples together: of the means of their parts.

    Drawing both factors is Owen's pigeonhole bootstrap (2007), which errs on the wide side, as it
    counts the noise of single answers up to three times. Against that, S seeds show a spread
    between seeds that is too small by √((S − 1)/S), and one seed shows none: its interval speaks of
    that very seed and new examples. How often an interval at 95 % held the true drop, in
    simulations of 400 examples with a spread between seeds in units of their sampling error:

        seeds          1     2     3     5    10
        no spread     95    99    99    99    99 %
        as large      70    90    92    96    97 %
        twice         44    77    84    90    92 %

    Args:
        parts: (masks, seeds, examples, parts), each example's parts of the metric.
        combine: means of parts (..., parts) → scores (...); see `Metric`.
        resamples: how many resamples to draw.
        generator: advanced by the same amount whatever the number of masks.

    Returns:
        (masks, resamples), in the unit of `combine`.
    """
    masks, seeds, examples, size = parts.shape
    seed_shares = _drawn_shares(generator, resamples, seeds)
    flat = np.moveaxis(parts, -1, 2).reshape(-1, examples)
    scores = np.empty((masks, resamples))
    rows = max(1, _CHUNK // examples)
    for start in range(0, resamples, rows):
        chunk = slice(start, min(start + rows, resamples))
        shares = _drawn_shares(generator, chunk.stop - chunk.start, examples)
        means = (flat @ shares.T).reshape(masks, seeds, size, -1)
        by_seed = combine(np.moveaxis(means, 2, -1))
        scores[:, chunk] = np.einsum("msr,rs->mr", by_seed, seed_shares[chunk])
    return scores


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
