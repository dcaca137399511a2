"""Where a curve of drops crosses ε: the monotone fit, the crossings, and what the grid cannot tell.

Curves run along the last axis, so that a whole bootstrap is handled at once. A crossing that lies
before the first sparse point is −∞ and one beyond the last is +∞ until `locate` says so in words.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from essential_sparsity.estimators.bootstrap import percentile_interval
from essential_sparsity.estimators.spread import Floats
from essential_sparsity.estimators.words import Censoring

# In points. A drop that is ε on paper must not be more than ε in floating point.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Crossing:
    """Where a fitted curve crosses ε, with its interval; ∓∞ where that lies off the grid's ends."""

    estimate: float
    low: float
    high: float


def fit_monotone(drops: Floats, weights: Floats) -> Floats:
    """Return the non-decreasing curve nearest to `drops` that starts at the dense drop of zero.

    Weighted least squares by the max-min formula of isotonic regression (Barlow et al. 1972): the
    fit at i is the largest over j ≤ i of the smallest over k ≥ i of the weighted mean of j…k. The
    dense point's drop is zero by definition, hence no fitted drop is negative.

    Args:
        drops: (…, points) at increasing positive sparsities.
        weights: (points,), positive.

    Returns:
        (…, points).
    """
    points = drops.shape[-1]
    sums = np.insert(np.cumsum(drops * weights, axis=-1), 0, 0, axis=-1)
    totals = np.insert(np.cumsum(weights), 0, 0)
    first, last = np.triu_indices(points)
    means = np.full((*drops.shape[:-1], points, points), np.inf)
    means[..., first, last] = (sums[..., last + 1] - sums[..., first]) / (
        totals[last + 1] - totals[first]
    )
    smallest = np.minimum.accumulate(means[..., ::-1], axis=-1)[..., ::-1]
    before = np.triu(np.ones((points, points), dtype=bool))
    largest: Floats = np.where(before, smallest, -np.inf).max(axis=-2)
    return np.maximum(largest, 0)


def last_crossing(sparsities: Floats, drops: Floats, epsilon: float) -> Floats:
    """Return the largest sparsity at which the curve, joined by lines, is at most `epsilon`.

    Of a monotone curve this is its only crossing.

    Args:
        sparsities: (points,), increasing, positive.
        drops: (…, points) in the unit of `epsilon`.
        epsilon: positive.

    Returns:
        (…,): −∞ where every sparse point drops by more, +∞ where the last one does not.
    """
    within = drops <= epsilon + _ROUNDING
    points = drops.shape[-1]
    # Index of the last point within ε, −1 where there is none.
    index = np.where(within.any(-1), points - 1 - within[..., ::-1].argmax(-1), -1)
    return _cross_after(index, sparsities, drops, epsilon)


def first_crossing(sparsities: Floats, drops: Floats, epsilon: float) -> Floats:
    """Return the sparsity at which the curve first exceeds `epsilon`; see `last_crossing`."""
    beyond = drops > epsilon + _ROUNDING
    index = np.where(beyond.any(-1), beyond.argmax(-1), drops.shape[-1]) - 1
    return _cross_after(index, sparsities, drops, epsilon)


def cross_with_interval(
    cross: Callable[[Floats], Floats],
    drops: Floats,
    samples: Floats,
    weights: Floats,
    confidence: float,
) -> Crossing:
    """Return where the fitted curve crosses ε.

    The interval's lower end is a quantile of the crossings of resamples that are fitted anew, with
    the same weights. A fit mixes the end of a plateau with what is larger before it, and so turns
    too early; that of a resample, which is such a curve with more noise, twice so. The upper end is
    therefore a quantile of where the unfitted resamples are last within ε.

    Args:
        cross: drops (…, points) → crossings (…); `last_crossing` of some sparsities and an ε.
        drops: (points,), mean drops in points.
        samples: (points, resamples), the drops in every resample.
        weights: (points,), 1 / variance of the drops.
        confidence: level of the interval.
    """
    estimate = float(cross(fit_monotone(drops, weights)))
    low, _ = percentile_interval(cross(fit_monotone(samples.T, weights)), confidence)
    _, high = percentile_interval(cross(samples.T), confidence)
    return Crossing(estimate, min(float(low), estimate), max(float(high), estimate))


def _cross_after(
    index: npt.NDArray[np.intp], sparsities: Floats, drops: Floats, epsilon: float
) -> Floats:
    """Return where the curve crosses between point `index` (within ε) and the next (beyond it)."""
    points = drops.shape[-1]
    left = np.clip(index, 0, max(points - 2, 0))
    right = np.minimum(left + 1, points - 1)
    drop_left = np.take_along_axis(drops, left[..., None], -1)[..., 0]
    drop_right = np.take_along_axis(drops, right[..., None], -1)[..., 0]
    rise = drop_right - drop_left
    share = np.clip((epsilon - drop_left) / np.where(rise > 0, rise, 1), 0, 1)
    crossing = sparsities[left] + share * (sparsities[right] - sparsities[left])
    crossing = np.where(index < 0, -np.inf, crossing)
    return np.where(index == points - 1, np.inf, crossing)


def locate(crossing: float, sparsities: Floats) -> tuple[float, Censoring]:
    """Return a crossing, an infinite one as the grid's end and the word for it."""
    if crossing == np.inf:
        return float(sparsities[-1]), "above"
    if crossing == -np.inf:
        return float(sparsities[0]), "below"
    return float(crossing), ""
