"""Computes masks: rankings of one kind side by side, in one pass that writes them all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.checkpoints.manifest import Matrix
from essential_sparsity.errors import UserError
from essential_sparsity.files import sha256_of
from essential_sparsity.masks.allotment import ALLOTMENTS, Allotment, Group, removed_count
from essential_sparsity.masks.criterion import Criterion, Inputs, Ranking
from essential_sparsity.masks.cuts import Cut, find_cuts
from essential_sparsity.masks.groups import keep_highest
from essential_sparsity.masks.header import Header
from essential_sparsity.masks.histogram import Histogram, count_keys
from essential_sparsity.masks.keys import Keys, Scores, check_finite
from essential_sparsity.masks.mask import Mask, check_alike
from essential_sparsity.masks.spec import pattern_counts
from essential_sparsity.masks.streaming import Chunk, Progress, chunks, ordered_map
from essential_sparsity.masks.writer import MaskWriter, Packed, write_masks
from essential_sparsity.spec import canonical_json


def compute_masks(
    checkpoint: Checkpoint,
    wanted: Mapping[Path, Criterion | Ranking],
    inputs: Inputs | None = None,
    histogram: Histogram | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Write the masks that are `wanted`, path → spec, of a checkpoint.

    Masks that rank weights alike are written in one pass. Memory is bounded by a few thousand rows
    and by counters, not by the model or the number of masks.

    Args:
        checkpoint: opened.
        wanted: which mask goes where.
        inputs: the masks and files that specs refer to.
        histogram: that of the checkpoint's magnitudes, if it is at hand.
        threads: how many; all cores if None.
        progress: told how many weights have been passed over, in each pass.

    Raises:
        UserError: a weight is NaN or infinite; a row cannot be divided into groups; a file is
            damaged or missing.
    """
    inputs = inputs or Inputs()
    rankings: dict[str, dict[Path, Ranking]] = {}
    for path, spec in wanted.items():
        if isinstance(spec, Ranking):
            rankings.setdefault(canonical_json(spec.ranking()), {})[path] = spec
        else:
            spec.make(checkpoint, inputs, path)
    for alike in rankings.values():
        first = next(iter(alike.values()))
        known = histogram if first.uses_histogram else None
        _rank(checkpoint, alike, inputs, known, threads, progress)


def _rank(
    checkpoint: Checkpoint,
    wanted: Mapping[Path, Ranking],
    inputs: Inputs,
    histogram: Histogram | None,
    threads: int | None,
    progress: Progress | None,
) -> None:
    matrices = checkpoint.matrices
    specs = list(wanted.values())
    scores = specs[0].scores(checkpoint, inputs)
    makers: list[_Cutting | _Grouping] = []
    allotments = [_allot(spec, matrices, inputs) for spec in specs]
    cut = [allotment for allotment in allotments if allotment is not None]
    if cut and histogram is None:
        histogram = count_keys(checkpoint, scores, threads, progress)
    cuts: Iterator[list[Cut]] = iter(())
    if cut and histogram is not None:
        cuts = iter(find_cuts(histogram, cut, scores, matrices, threads, progress))
    for spec, allotment in zip(specs, allotments, strict=True):
        if allotment is None:
            makers.append(_Grouping.of(spec, matrices))
        else:
            makers.append(_Cutting(next(cuts), checkpoint.folder))
    digests = {role: sha256_of(path) for role, path in inputs.files.items()}
    digests |= {
        f"mask {name}": sha256_of(inputs.masks[name])
        for name in dict.fromkeys(name for spec in specs for name in spec.references())
    }
    headers = [
        Header.of(
            checkpoint.manifest,
            name=spec.name,
            spec=spec.document(),
            removed=maker.removed(matrices),
            selected_on=scores.selected_on,
            threshold=_threshold(spec, maker, scores),
            inputs=digests,
        )
        for spec, maker in zip(specs, makers, strict=True)
    ]
    with write_masks(dict(zip(wanted, headers, strict=True))) as writers:
        _write(scores, matrices, makers, writers, threads, progress)


def _allot(spec: Ranking, matrices: tuple[Matrix, ...], inputs: Inputs) -> Allotment | None:
    """Return how many weights go where, None where each row or group decides for itself."""
    if spec.pattern or spec.scope == "row":
        return None
    if spec.scope == "matched":
        return _match(spec, matrices, inputs)
    return ALLOTMENTS[spec.scope](matrices, spec.sparsity or 0.0)


def _match(spec: Ranking, matrices: tuple[Matrix, ...], inputs: Inputs) -> Allotment:
    (name,) = spec.references()
    if name not in inputs.masks:
        raise UserError(f"like: the mask '{name}', which '{spec.name}' is to match, is not given")
    path = inputs.masks[name]
    mask = Mask.load(path)
    expected = mask.header.model_copy(
        update={"shapes": {matrix.name: matrix.shape for matrix in matrices}}
    )
    check_alike([(Path("the checkpoint"), expected), (path, mask.header)], checkpoint=False)
    return [Group((index,), removed) for index, removed in enumerate(mask.removed().values())]


@dataclass
class _Piece:
    """A chunk's packed keep bits, and where its ties are, if the order decides which of them go."""

    packed: Packed
    ties: npt.NDArray[np.int64] | None = None


@dataclass
class _Cutting:
    """Keeps what lies above each matrix's cut."""

    cuts: Sequence[Cut]
    folder: Path
    _seen: int = 0
    _kept: int = 0

    def removed(self, matrices: tuple[Matrix, ...]) -> int:
        return sum(cut.total for cut in self.cuts)

    def keep(self, chunk: Chunk, keys: Keys) -> _Piece:
        cut = self.cuts[chunk.index]
        key = keys.dtype.type(cut.key)
        kept = keys >= key if cut.removed == 0 else keys > key
        ties = None
        if 0 < cut.removed < cut.ties:
            ties = np.flatnonzero(keys.ravel() == key)
        return _Piece(np.packbits(kept, axis=None, bitorder="little"), ties)

    def settle(self, chunk: Chunk, piece: _Piece) -> Packed:
        """Return the chunk's bits with its ties in place; chunks come in order."""
        cut = self.cuts[chunk.index]
        if piece.ties is not None:
            stay = piece.ties[max(0, cut.removed - self._seen) :]
            bits = np.left_shift(np.uint8(1), (stay & 7).astype(np.uint8))
            np.bitwise_or.at(piece.packed, stay >> 3, bits)
            self._seen += len(piece.ties)
        return piece.packed

    def check(self, chunk: Chunk, kept: int) -> None:
        """Take note of how many weights of the chunk are kept.

        Raises:
            UserError: the matrix ends, and its weights are not those that were counted.
        """
        cut = self.cuts[chunk.index]
        self._kept += kept
        if chunk.is_last:
            if chunk.matrix.size - self._kept != cut.total:
                raise UserError(
                    f"{self.folder / chunk.matrix.file}: '{chunk.matrix.name}' is not what it was "
                    "when its weights were counted; delete its histogram and run the study again"
                )
            self._seen = self._kept = 0


@dataclass
class _Grouping:
    """Keeps the highest of every group of `sizes[i]` weights of matrix i, `kept[i]` of them."""

    sizes: list[int]
    kept: list[int]

    @classmethod
    def of(cls, spec: Ranking, matrices: tuple[Matrix, ...]) -> "_Grouping":
        """Return the grouping by pattern or by row.

        Raises:
            UserError: a row's length is no multiple of the pattern's groups.
        """
        if not spec.pattern:
            columns = [matrix.shape[1] for matrix in matrices]
            return cls(columns, [c - removed_count(spec.sparsity or 0.0, c) for c in columns])
        kept, size = pattern_counts(spec.pattern)
        for matrix in matrices:
            if matrix.shape[1] % size:
                raise UserError(
                    f"pattern {spec.pattern}: {matrix.name}: its rows have {matrix.shape[1]} "
                    f"weights, which is no multiple of {size}"
                )
        return cls([size] * len(matrices), [kept] * len(matrices))

    def removed(self, matrices: tuple[Matrix, ...]) -> int:
        return sum(
            matrix.size // size * (size - kept)
            for matrix, size, kept in zip(matrices, self.sizes, self.kept, strict=True)
        )

    def keep(self, chunk: Chunk, keys: Keys) -> _Piece:
        kept = keep_highest(keys, self.sizes[chunk.index], self.kept[chunk.index])
        return _Piece(np.packbits(kept, axis=None, bitorder="little"))

    def settle(self, chunk: Chunk, piece: _Piece) -> Packed:
        return piece.packed

    def check(self, chunk: Chunk, kept: int) -> None:
        pass  # what a group keeps does not depend on its weights


def _threshold(spec: Ranking, maker: _Cutting | _Grouping, scores: Scores) -> float | None:
    """Return the score at the cut, where there is one cut for all matrices."""
    if spec.scope != "global" or not isinstance(maker, _Cutting):
        return None
    return scores.value(maker.cuts[0].key) if maker.removed(()) else None


def _write(
    scores: Scores,
    matrices: tuple[Matrix, ...],
    makers: Sequence[_Cutting | _Grouping],
    writers: Sequence[MaskWriter],
    threads: int | None,
    progress: Progress | None,
) -> None:
    # Cuts come from counts, in which a weight that is no number shows; groups are not counted.
    unchecked = any(isinstance(maker, _Grouping) for maker in makers)

    def keep(chunk: Chunk) -> tuple[Chunk, list[_Piece]]:
        keys = chunk.keys()
        if unchecked:
            check_finite(keys, scores.infinity, chunk.matrix, chunk.start)
        return chunk, [maker.keep(chunk, keys) for maker in makers]

    for chunk, pieces in ordered_map(keep, chunks(scores, matrices, threads), threads):
        for maker, writer, piece in zip(makers, writers, pieces, strict=True):
            maker.check(chunk, writer.write(maker.settle(chunk, piece)))
        if progress:
            progress((chunk.stop - chunk.start) * chunk.matrix.shape[1])
