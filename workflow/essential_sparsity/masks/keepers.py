"""Keepers: which weights of a chunk stay, by a cut through each matrix or group by group.

`keep` decides chunks on several threads; `write` then sees them in order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from essential_sparsity.checkpoints.manifest import Matrix
from essential_sparsity.masks.criterion import Ranking
from essential_sparsity.masks.cuts import Cut, removed_count
from essential_sparsity.masks.keys import Keys
from essential_sparsity.masks.mask import MaskWriter, Packed
from essential_sparsity.masks.spec import pattern_counts
from essential_sparsity.masks.streaming import Chunk
from essential_sparsity.support.errors import UserError


@dataclass
class Piece:
    """A chunk's packed keep bits, and where its ties are, if the order decides which of them go."""

    packed: Packed
    ties: npt.NDArray[np.int64] | None = None


@dataclass
class Cutting:
    """Keeps what lies above each matrix's cut."""

    cuts: Sequence[Cut]
    folder: Path
    _seen: int = 0  # ties of the matrix, so far
    _kept: int = 0

    @property
    def removed(self) -> int:
        """How many weights are removed in all."""
        return sum(cut.total for cut in self.cuts)

    def keep(self, chunk: Chunk, keys: Keys) -> Piece:
        """Return the chunk's bits; callable from any thread, for chunks in any order."""
        cut = self.cuts[chunk.index]
        key = keys.dtype.type(cut.key)
        kept = keys >= key if cut.removed == 0 else keys > key
        ties = None
        if 0 < cut.removed < cut.ties:
            ties = np.flatnonzero(keys.ravel() == key)
        return Piece(np.packbits(kept, axis=None, bitorder="little"), ties)

    def write(self, chunk: Chunk, piece: Piece, writer: MaskWriter) -> None:
        """Write the chunk's bits with its ties in place; check the weights at a matrix's end."""
        cut = self.cuts[chunk.index]
        if piece.ties is not None:
            stay = piece.ties[max(0, cut.removed - self._seen) :]
            bits = np.left_shift(np.uint8(1), (stay & 7).astype(np.uint8))
            np.bitwise_or.at(piece.packed, stay >> 3, bits)
            self._seen += len(piece.ties)
        self._kept += writer.write(piece.packed)
        if chunk.is_last:
            if chunk.matrix.size - self._kept != cut.total:
                raise UserError(
                    f"{self.folder / chunk.matrix.file}: '{chunk.matrix.name}' is not what it was "
                    "when its weights were counted; delete its histogram and run the study again"
                )
            self._seen = self._kept = 0


@dataclass
class Grouping:
    """Keeps the highest of every group of `sizes[i]` weights of matrix i, `kept[i]` of them."""

    sizes: list[int]
    kept: list[int]
    removed: int

    @classmethod
    def of(cls, spec: Ranking, matrices: tuple[Matrix, ...]) -> "Grouping":
        """Return the grouping by pattern or by row."""
        if spec.pattern:
            number, size = pattern_counts(spec.pattern)
            sizes, kept = [size] * len(matrices), [number] * len(matrices)
        else:
            sizes = [matrix.shape[1] for matrix in matrices]
            kept = [size - removed_count(spec.sparsity or 0.0, size) for size in sizes]
        removed = 0
        for matrix, size, stay in zip(matrices, sizes, kept, strict=True):
            if matrix.shape[1] % size:
                raise UserError(
                    f"pattern {spec.pattern}: {matrix.name}: its rows have {matrix.shape[1]} "
                    f"weights, which is no multiple of {size}"
                )
            removed += matrix.size // size * (size - stay)
        return cls(sizes, kept, removed)

    def keep(self, chunk: Chunk, keys: Keys) -> Piece:
        """Return the chunk's bits; callable from any thread, for chunks in any order."""
        kept = keep_highest(keys, self.sizes[chunk.index], self.kept[chunk.index])
        return Piece(np.packbits(kept, axis=None, bitorder="little"))

    def write(self, chunk: Chunk, piece: Piece, writer: MaskWriter) -> None:
        """Write the chunk's bits: no tie reaches beyond its group."""
        writer.write(piece.packed)


# Up to this size, comparing all pairs of a group's members beats partitioning each group.
_PAIRWISE = 16


def keep_highest(keys: Keys, size: int, kept: int) -> npt.NDArray[np.bool_]:
    """Return which weights stay when the `kept` highest of every `size` consecutive ones do.

    Of equal keys, the earlier go first. `keys` is (rows, columns), columns a multiple of `size`.
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
