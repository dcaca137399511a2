"""Keeping the highest of small groups: N:M patterns, and rows as groups of their own."""

import numpy as np
import numpy.typing as npt

from essential_sparsity.masks.keys import Keys

# Up to this size, comparing all pairs of a group's members beats partitioning each group.
_PAIRWISE = 16


def keep_highest(keys: Keys, size: int, kept: int) -> npt.NDArray[np.bool_]:
    """Return which weights stay when the `kept` highest of every `size` consecutive ones do.

    Of equal keys, the earlier go first.

    Args:
        keys: (rows, columns); columns are a multiple of `size`.
        size: M, the groups' size along the columns.
        kept: N, from 0 to M.

    Returns:
        The keep mask, bool of the keys' shape.
    """
    groups = keys.reshape(-1, size)
    keep = _pairwise(groups, kept) if size <= _PAIRWISE else _partition(groups, kept)
    return keep.reshape(keys.shape)


def _pairwise(groups: Keys, kept: int) -> npt.NDArray[np.bool_]:
    size = groups.shape[1]
    columns = np.ascontiguousarray(groups.T)
    # Of each member, how many go before it; of two equal ones, the earlier goes before the later.
    rank = np.zeros(columns.shape, np.uint8)
    higher = np.empty(columns.shape[1], bool)
    for first in range(size):
        for second in range(first + 1, size):
            np.greater(columns[first], columns[second], out=higher)
            rank[first] += higher
            np.logical_not(higher, out=higher)
            rank[second] += higher
    return np.ascontiguousarray((rank >= size - kept).T)


def _partition(groups: Keys, kept: int) -> npt.NDArray[np.bool_]:
    size = groups.shape[1]
    gone = size - kept
    if gone == 0:
        return np.ones(groups.shape, bool)
    threshold = np.partition(groups, gone - 1, axis=1)[:, gone - 1, None]
    keep = groups > threshold
    # Of those at the threshold, the first go, as many as are still to go.
    surplus = (size - keep.sum(axis=1)) - gone
    for row in np.flatnonzero(surplus):
        ties = np.flatnonzero(groups[row] == threshold[row])
        keep[row, ties[len(ties) - surplus[row] :]] = True
    return keep
