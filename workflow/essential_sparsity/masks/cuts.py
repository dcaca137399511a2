"""Cuts: where in the order of its keys the removed weights of a matrix end.

An allotment says how many weights go, a histogram which keys there are; a cut is the key that
follows, and how many of the weights that have just this key go as well. Ties are settled by
(matrix, flat index), so that they neither change a count nor break nesting, on any machine.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from essential_sparsity.checkpoints.manifest import Matrix
from essential_sparsity.masks.allotment import Allotment, Group
from essential_sparsity.masks.histogram import Counts, Histogram
from essential_sparsity.masks.keys import LOW_BITS, Keys, Scores, bins_of
from essential_sparsity.masks.streaming import Chunk, Progress, chunks, ordered_map


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

    Raises:
        ValueError: a group has fewer weights than are to be removed of it.
    """

    @lru_cache(maxsize=1)  # global allotments ask for the same matrices again and again
    def cumulative(matrices: tuple[int, ...]) -> Counts:
        total = np.zeros(histogram.counts.shape[1], np.int64)
        for index in matrices:
            total += histogram.counts[index]
        return np.cumsum(total, out=total)

    places = [
        [_place(cumulative(group.matrices), group.removed) for group in allotment]
        for allotment in allotments
    ]
    tails: list[_Tail] = []
    if histogram.bits > LOW_BITS:
        wanted = np.zeros((len(matrices), histogram.counts.shape[1]), bool)
        for allotment, found in zip(allotments, places, strict=True):
            for group, (bin_, _) in zip(allotment, found, strict=True):
                if group.removed:
                    wanted[list(group.matrices), bin_] = True
        tails = _read_tails(wanted, scores, matrices, threads, progress)
    cuts = []
    for allotment, found in zip(allotments, places, strict=True):
        of_matrix = [NOTHING] * len(matrices)
        for group, (bin_, below) in zip(allotment, found, strict=True):
            if group.removed:
                for index, cut in _cut_group(histogram, tails, group, bin_, below):
                    of_matrix[index] = cut
        cuts.append(of_matrix)
    return cuts


def _place(cumulative: Counts, removed: int) -> tuple[int, int]:
    """Return the bin of the last of the `removed` weights, and how many lie below the bin."""
    if not removed:
        return 0, 0
    if removed > cumulative[-1]:
        raise ValueError(f"cannot remove {removed} of {cumulative[-1]} weights")
    bin_ = int(np.searchsorted(cumulative, removed))
    return bin_, int(cumulative[bin_ - 1]) if bin_ else 0


def _cut_group(
    histogram: Histogram, tails: list[_Tail], group: Group, bin_: int, below: int
) -> Iterable[tuple[int, Cut]]:
    rest = group.removed - below  # of the bin, at least one
    key = bin_
    if histogram.bits > LOW_BITS:
        inside = [tails[index].within(bin_) for index in group.matrices]
        first = bin_ << LOW_BITS
        cumulative = np.zeros(1 << LOW_BITS, np.int64)
        for tail in inside:
            cumulative[tail.keys - first] += tail.counts
        np.cumsum(cumulative, out=cumulative)
        place = int(np.searchsorted(cumulative, rest))
        key = first + place
        rest -= int(cumulative[place - 1]) if place else 0
    for position, index in enumerate(group.matrices):
        under = int(histogram.counts[index, :bin_].sum())
        ties = int(histogram.counts[index, bin_])
        if histogram.bits > LOW_BITS:
            tail = inside[position]
            under += int(tail.counts[tail.keys < key].sum())
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

    def collect(chunk: Chunk) -> tuple[Chunk, tuple[Keys, Counts]]:
        keys = chunk.keys().ravel()
        # No bin is out of bounds; not to check each takes half the time.
        inside = keys[wanted[chunk.index].take(bins_of(keys, scores.bits), mode="clip")]
        found, counts = np.unique(inside, return_counts=True)
        return chunk, (found, counts.astype(np.int64))

    gathered: list[list[tuple[Keys, Counts]]] = [[] for _ in matrices]
    tails = []
    for chunk, found in ordered_map(collect, chunks(scores, matrices, threads), threads):
        gathered[chunk.index].append(found)
        if chunk.is_last:
            tails.append(_merge(gathered[chunk.index]))
            gathered[chunk.index] = []
        if progress:
            progress((chunk.stop - chunk.start) * chunk.matrix.shape[1])
    return tails


def _merge(parts: list[tuple[Keys, Counts]]) -> _Tail:
    """Return the parts as one: their keys ascending, the counts of equal keys added up."""
    keys = np.concatenate([part[0] for part in parts])
    counts = np.concatenate([part[1] for part in parts])
    found, inverse = np.unique(keys, return_inverse=True)
    sums = np.zeros(len(found), np.int64)
    np.add.at(sums, inverse, counts)
    return _Tail(found.astype(np.int64), sums)
