"""Counts how many weights every two masks of a model keep together, on the packed bits themselves.

The masks are read side by side, a block of each at a time: memory depends on the number of masks
and not on the size of the model.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from essential_sparsity.checkpoints.tensors import read_header, read_into
from essential_sparsity.masks.mask import (
    REMEDY,
    Header,
    check_alike,
    check_bits,
    check_removed,
    load_header,
)
from essential_sparsity.masks.streaming import Progress, ordered_map
from essential_sparsity.support.errors import UserError

Counts = npt.NDArray[np.int64]

_BLOCK = 1 << 16  # bytes of a mask: the blocks of dozens of masks stay near a core


@dataclass(frozen=True)
class PairCounts:
    """How many weights of each matrix every two masks keep together.

    Attributes:
        matrices: the matrices' names, in matrix order.
        weights: (matrices,), the number of weights.
        both_kept: (matrices, masks, masks), symmetric; on the diagonal is what each mask keeps.
    """

    matrices: tuple[str, ...]
    weights: Counts
    both_kept: Counts

    @property
    def kept(self) -> Counts:
        """(matrices, masks): how many weights each mask keeps."""
        return self.both_kept.diagonal(axis1=1, axis2=2)

    @property
    def pairs(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """The places of the first and of the second mask of every pair, the first one smaller."""
        first, second = np.triu_indices(self.both_kept.shape[1], 1)
        return first, second

    def overall(self) -> "PairCounts":
        """Return the counts over all matrices together, as those of one matrix without a name."""
        return PairCounts(
            ("",), self.weights.sum(keepdims=True), self.both_kept.sum(axis=0, keepdims=True)
        )


def compare_masks(
    files: Sequence[Path], threads: int | None = None, progress: Progress | None = None
) -> PairCounts:
    """Count what every two masks of one checkpoint keep together, matrix by matrix.

    `progress` is told how many weights have been passed over, those of each mask counted.
    """
    headers = {path: load_header(path) for path in files}
    check_alike(headers.items())
    first = headers[files[0]]
    matrices = tuple(first.shapes)
    both_kept = np.zeros((len(matrices), len(files), len(files)), np.int64)
    with ExitStack() as stack:
        stored = [_StoredMask.open(path, headers[path], stack) for path in files]
        blocks = list(_blocks(first))
        counted = ordered_map(partial(_count_block, stored), blocks, threads)
        for block, counts in zip(blocks, counted, strict=True):
            both_kept[block.index] += counts
            if progress is not None:
                progress(len(files) * block.weights)
    # Only the upper triangle is counted.
    upper = np.triu(both_kept, 1)
    both_kept += upper.transpose(0, 2, 1)
    found = PairCounts(matrices, np.array([first.size(name) for name in matrices]), both_kept)
    for path, kept in zip(files, found.kept.sum(axis=0), strict=True):
        check_removed(path, headers[path], headers[path].total - int(kept))
    return found


@dataclass(frozen=True)
class _Block:
    """Bytes `start` to `stop` of a matrix's packed bits; `index` is the matrix's place."""

    index: int
    matrix: str
    start: int
    stop: int
    is_last: bool
    weights: int


def _blocks(header: Header) -> Iterator[_Block]:
    for index, name in enumerate(header.shapes):
        size, end = header.size(name), header.bytes_of(name)
        for start in range(0, end, _BLOCK):
            stop = min(start + _BLOCK, end)
            yield _Block(index, name, start, stop, stop == end, min(8 * stop, size) - 8 * start)


@dataclass(frozen=True)
class _StoredMask:
    """A mask's file, open, and where in it each matrix begins."""

    path: Path
    header: Header
    descriptor: int
    offsets: dict[str, int]

    @classmethod
    def open(cls, path: Path, header: Header, stack: ExitStack) -> "_StoredMask":
        offsets = {name: entry.offset for name, entry in read_header(path).items()}
        descriptor = os.open(path, os.O_RDONLY)
        stack.callback(os.close, descriptor)
        return cls(path, header, descriptor, offsets)

    def read(self, block: _Block, into: npt.NDArray[np.uint8]) -> None:
        """Fill `into`, as long as the block, from any thread."""
        if not read_into(into, self.descriptor, self.offsets[block.matrix] + block.start):
            raise UserError(f"{self.path}: '{block.matrix}': the file ends early; {REMEDY}")
        if block.is_last:
            check_bits(self.path, self.header, block.matrix, into)


def _count_block(masks: Sequence[_StoredMask], block: _Block) -> Counts:
    """Return (masks, masks): what each two keep together in a block; below the diagonal zeros."""
    length = block.stop - block.start
    # Whole words of eight bytes, the last one filled up with zeros, which count for nothing.
    words = np.zeros((len(masks), -(-length // 8)), np.uint64)
    for mask, row in zip(masks, words.view(np.uint8), strict=True):
        mask.read(block, row[:length])
    counts = np.zeros((len(masks), len(masks)), np.int64)
    both, bits = np.empty_like(words), np.empty(words.shape, np.uint8)
    for place in range(len(masks)):
        np.bitwise_and(words[place], words[place:], out=both[place:])
        np.bitwise_count(both[place:], out=bits[place:])
        counts[place, place:] = bits[place:].sum(axis=1, dtype=np.int64)
    return counts
