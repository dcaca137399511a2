"""Where in the order of their keys the removed weights of the matrices end.

An allotment says how many weights are removed of which matrices, a histogram which keys there are.
A cut is the key that follows, and how many of the weights that have just this key go as well. Ties
go by (matrix, flat index), so that they neither change a count nor break nesting, on any machine.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import numpy as np
import numpy.typing as npt

from essential_sparsity.checkpoints.manifest import Matrix
from essential_sparsity.masks.histogram import Counts, Histogram
from essential_sparsity.masks.keys import LOW_BITS, Keys, Scores, bins_of
from essential_sparsity.masks.streaming import Chunk, Progress, scan


@dataclass(frozen=True)
class Group:
    """Matrices, by their places in the order, and how many of their weights are removed."""

    matrices: tuple[int, ...]
    removed: int


# One group of all matrices for a global ranking, a group a matrix for the others.
Allotment = list[Group]


def removed_count(sparsity: float, total: int) -> int:
    """Return k = round(s·N)."""
    return round(sparsity * total)


def allot_globally(matrices: tuple[Matrix, ...], sparsity: float) -> Allotment:
    """Return one group of all matrices: exactly round(s·N) are removed of them together."""
    total = sum(matrix.size for matrix in matrices)
    return [Group(tuple(range(len(matrices))), removed_count(sparsity, total))]


def allot_by_layer(matrices: tuple[Matrix, ...], sparsity: float) -> Allotment:
    """Return a group a matrix: round(s·n) are removed of its n weights."""
    return [
        Group((index,), removed_count(sparsity, matrix.size))
        for index, matrix in enumerate(matrices)
    ]


def allot_by_erk(matrices: tuple[Matrix, ...], sparsity: float) -> Allotment:
    """Return a group a matrix, its density proportional to (in + out) / (in · out).

    The Erdős–Rényi–Kernel densities of Evci et al., *Rigging the Lottery* (2020), §3, for matrices.
    A matrix whose density would exceed 1 stays dense, and the others share what is left. Exactly
    round(s·N) weights are removed in all: fractions are rounded by largest remainder, of equal ones
    the earlier matrix first.
    """
    sizes = np.array([matrix.size for matrix in matrices], np.int64)
    raw = np.array([sum(matrix.shape) / matrix.size for matrix in matrices])
    kept = int(sizes.sum()) - removed_count(sparsity, int(sizes.sum()))
    dense = np.zeros(len(matrices), bool)
    while True:
        budget = kept - int(sizes[dense].sum())
        share = np.where(dense, 0.0, raw * sizes)
        wanted = np.where(dense, sizes, share * (budget / max(share.sum(), 1e-300)))
        if not (over := ~dense & (wanted > sizes)).any():
            break
        dense |= over
    whole = np.floor(wanted).astype(np.int64)
    rest = np.where(whole < sizes, wanted - whole, -1.0)
    whole[np.argsort(-rest, kind="stable")[: kept - int(whole.sum())]] += 1
    return [Group((i,), int(sizes[i] - whole[i])) for i in range(len(matrices))]


ALLOTMENTS: dict[str, Callable[[tuple[Matrix, ...], float], Allotment]] = {
    "global": allot_globally,
    "layer": allot_by_layer,
    "erk": allot_by_erk,
}


@dataclass(frozen=True)
class Cut:
    """Of one matrix, every key below `key` is removed, and the first `removed` of its `ties`.

    `ties` are the matrix's weights with this very key, `below` those with a lower one.
    """

    key: int
    removed: int
    ties: int
    below: int

    @property
    def total(self) -> int:
        """How many weights of the matrix are removed."""
        return self.below + self.removed


NOTHING = Cut(key=0, removed=0, ties=0, below=0)


@dataclass(frozen=True)
class _Tail:
    """The different keys of one matrix in bins of interest, ascending, and their counts."""

    keys: npt.NDArray[np.int64]
    counts: Counts

    def within(self, bin_: int) -> "_Tail":
        first, last = np.searchsorted(self.keys, [bin_ << LOW_BITS, (bin_ + 1) << LOW_BITS])
        return _Tail(self.keys[first:last], self.counts[first:last])


def find_cuts(
    histogram: Histogram,
    allotments: Sequence[Allotment],
    scores: Scores,
    matrices: tuple[Matrix, ...],
    threads: int | None = None,
    progress: Progress | None = None,
) -> list[list[Cut]]:
    """Return for every allotment the cut of every matrix.

    Keys of 15 bits are counted one by one in the histogram; for keys of 31 bits, one pass looks at
    the keys that share a bin with a threshold, for all allotments at once.
    """

    @lru_cache(maxsize=1)  # global allotments ask for the same matrices again and again
    def cumulative(matrices: tuple[int, ...]) -> Counts:
        total = np.zeros(histogram.counts.shape[1], np.int64)
        for index in matrices:
            total += histogram.counts[index]
        return np.cumsum(total, out=total)

    found = [
        [
            (group, *_place(cumulative(group.matrices), group.removed))
            for group in allotment
            if group.removed
        ]
        for allotment in allotments
    ]
    tails: list[_Tail] = []
    if histogram.bits > LOW_BITS:
        wanted = np.zeros((len(matrices), histogram.counts.shape[1]), bool)
        for group, bin_, _ in chain.from_iterable(found):
            wanted[list(group.matrices), bin_] = True
        tails = _read_tails(wanted, scores, matrices, threads, progress)
    cuts = []
    for groups in found:
        of_matrix = [NOTHING] * len(matrices)
        for group, bin_, below in groups:
            for index, cut in _cut_group(histogram, tails, group, bin_, below):
                of_matrix[index] = cut
        cuts.append(of_matrix)
    return cuts


def _place(cumulative: Counts, removed: int) -> tuple[int, int]:
    """Return the bin of the last of the `removed` weights, and how many lie below the bin."""
    if removed > cumulative[-1]:
        raise ValueError(f"cannot remove {removed} of {cumulative[-1]} weights")
    bin_ = int(np.searchsorted(cumulative, removed))
    return bin_, int(cumulative[bin_ - 1]) if bin_ else 0


def _cut_group(
    histogram: Histogram, tails: list[_Tail], group: Group, bin_: int, below: int
) -> Iterator[tuple[int, Cut]]:
    """Yield the cut of every matrix of a group, whose last removed weight lies in this bin."""
    if histogram.bits > LOW_BITS:
        first = bin_ << LOW_BITS
        inside = [tails[index].within(bin_) for index in group.matrices]
    else:
        first = bin_  # the only key of its bin
        keys, counts = np.array([bin_]), histogram.counts[:, bin_, None]
        inside = [_Tail(keys, counts[index]) for index in group.matrices]
    cumulative = np.zeros(1 << LOW_BITS, np.int64)
    for tail in inside:
        cumulative[tail.keys - first] += tail.counts
    np.cumsum(cumulative, out=cumulative)
    rest = group.removed - below  # of the bin, at least one
    place = int(np.searchsorted(cumulative, rest))
    key = first + place
    rest -= int(cumulative[place - 1]) if place else 0
    for index, tail in zip(group.matrices, inside, strict=True):
        under = int(histogram.counts[index, :bin_].sum() + tail.counts[tail.keys < key].sum())
        ties = int(tail.counts[tail.keys == key].sum())
        removed = min(rest, ties)
        rest -= removed
        yield index, Cut(key, removed, ties, under)


def _read_tails(
    wanted: npt.NDArray[np.bool_],
    scores: Scores,
    matrices: tuple[Matrix, ...],
    threads: int | None,
    progress: Progress | None,
) -> list[_Tail]:
    """Collect the keys that lie in the `wanted` (matrices, bins): one pass.

    Equal keys are counted at once, so that memory grows with the different keys of a few bins, of
    which a bin has 2¹⁵ at most.
    """

    def collect(chunk: Chunk) -> tuple[Keys, Counts]:
        keys = chunk.keys().ravel()
        # No bin is out of bounds; not to check each takes half the time.
        inside = keys[wanted[chunk.index].take(bins_of(keys, scores.bits), mode="clip")]
        found, counts = np.unique(inside, return_counts=True)
        return found, counts.astype(np.int64)

    gathered: list[list[tuple[Keys, Counts]]] = [[] for _ in matrices]
    tails = []
    for chunk, found in scan(scores.open, matrices, collect, threads, progress):
        gathered[chunk.index].append(found)
        if chunk.is_last:
            tails.append(_merge(gathered[chunk.index]))
            gathered[chunk.index] = []
    return tails


def _merge(parts: list[tuple[Keys, Counts]]) -> _Tail:
    """Return the parts as one: their keys ascending, the counts of equal keys added up."""
    keys = np.concatenate([part[0] for part in parts])
    counts = np.concatenate([part[1] for part in parts])
    found, inverse = np.unique(keys, return_inverse=True)
    sums = np.zeros(len(found), np.int64)
    np.add.at(sums, inverse, counts)
    return _Tail(found.astype(np.int64), sums)
