"""Exact selection of the k smallest magnitudes over many tensors, the same on every machine.

The order is (|w|, tensor, flat index), so that ties neither change the count nor break nesting.
Magnitudes are compared as integers: with the sign bit cleared, the bit pattern of an IEEE float
grows with its absolute value, subnormals and both zeros included. No sort, no copy of the model:
two passes count into histograms, and a third marks what is kept.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint32]

_HALF = 16
_LOW = (1 << _HALF) - 1


@dataclass(frozen=True)
class Threshold:
    """Where the removed weights end in the order.

    Every key below `key` is removed, none above; of those equal to it, the first `ties` in
    (tensor, flat index) order are removed.
    """

    key: int
    ties: int

    @property
    def magnitude(self) -> float:
        """|w| at the threshold."""
        return float(np.array([self.key], dtype=np.uint32).view(np.float32)[0])


def removed_count(sparsity: float, total: int) -> int:
    """Return k = round(s·N)."""
    return round(sparsity * total)


def find_threshold(tensors: Callable[[], Iterable[Keys]], count: int) -> Threshold:
    """Return the threshold that removes exactly `count` weights.

    Args:
        tensors: called once a pass; yields the magnitude keys of every tensor, always in the same
            order (uint32, any shape, as `fp32_keys` makes them).
        count: how many weights to remove, at least 1 and at most their number.

    Raises:
        ValueError: there are fewer than `count` weights.
    """
    high = np.zeros(1 << _HALF, dtype=np.int64)
    for keys in tensors():
        high += np.bincount(keys.ravel() >> _HALF, minlength=1 << _HALF)
    bin_, below = _rank(high, count)

    low = np.zeros(1 << _HALF, dtype=np.int64)
    for keys in tensors():
        flat = keys.ravel()
        inside = flat[(flat >> _HALF) == bin_]
        low += np.bincount(inside & _LOW, minlength=1 << _HALF)
    rest, below_rest = _rank(low, count - below)
    return Threshold(key=(bin_ << _HALF) | rest, ties=count - below - below_rest)


def keep_above(tensors: Iterable[Keys], threshold: Threshold) -> Iterator[NDArray[np.bool_]]:
    """Yield each tensor's keep mask (bool, the tensor's shape), tensors in their fixed order."""
    ties = threshold.ties
    for keys in tensors:
        keep = keys > threshold.key
        tied = np.flatnonzero(keys.ravel() == threshold.key)
        keep.ravel()[tied[ties:]] = True
        ties = max(0, ties - len(tied))
        yield keep


def _rank(histogram: NDArray[np.int64], count: int) -> tuple[int, int]:
    """Return the bin of the `count`-th smallest key, and how many keys lie below the bin."""
    cumulative = np.cumsum(histogram)
    if not 1 <= count <= cumulative[-1]:
        raise ValueError(f"cannot remove {count} of {cumulative[-1]} weights")
    bin_ = int(np.searchsorted(cumulative, count))
    return bin_, int(cumulative[bin_ - 1]) if bin_ else 0
