"""Computes masks: rankings of one kind side by side, in one pass that writes them all."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.checkpoints.manifest import Matrix
from essential_sparsity.masks.allotment import ALLOTMENTS, Allotment, Group
from essential_sparsity.masks.criterion import Criterion, Inputs, Ranking
from essential_sparsity.masks.cuts import Cut, find_cuts
from essential_sparsity.masks.header import Header
from essential_sparsity.masks.histogram import Histogram, count_keys
from essential_sparsity.masks.keepers import Cutting, Grouping, Piece
from essential_sparsity.masks.keys import Scores, check_finite
from essential_sparsity.masks.mask import Mask, check_alike
from essential_sparsity.masks.streaming import Chunk, Progress, chunks, ordered_map
from essential_sparsity.masks.writer import MaskWriter, write_masks
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import sha256_of
from essential_sparsity.support.spec import canonical_json


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
    keepers: list[Cutting | Grouping] = []
    allotments = [_allot(spec, matrices, inputs) for spec in specs]
    cut = [allotment for allotment in allotments if allotment is not None]
    if cut and histogram is None:
        histogram = count_keys(checkpoint, scores, threads, progress)
    cuts: Iterator[list[Cut]] = iter(())
    if cut and histogram is not None:
        cuts = iter(find_cuts(histogram, cut, scores, matrices, threads, progress))
    for spec, allotment in zip(specs, allotments, strict=True):
        if allotment is None:
            keepers.append(Grouping.of(spec, matrices))
        else:
            keepers.append(Cutting(next(cuts), checkpoint.folder))
    digest = cache(sha256_of)
    headers = [
        Header.of(
            checkpoint.manifest,
            name=spec.name,
            spec=spec.document(),
            removed=keeper.removed(matrices),
            selected_on=scores.selected_on,
            threshold=_threshold(spec, keeper, scores),
            inputs={role: digest(inputs.files[role]) for role in spec.files()}
            | {f"mask {name}": digest(inputs.masks[name]) for name in spec.references()},
        )
        for spec, keeper in zip(specs, keepers, strict=True)
    ]
    with write_masks(dict(zip(wanted, headers, strict=True))) as writers:
        _write(scores, matrices, keepers, writers, threads, progress)


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


def _threshold(spec: Ranking, keeper: Cutting | Grouping, scores: Scores) -> float | None:
    """Return the score at the cut, where there is one cut for all matrices."""
    if spec.scope != "global" or not isinstance(keeper, Cutting):
        return None
    return scores.value(keeper.cuts[0].key) if keeper.removed(()) else None


def _write(
    scores: Scores,
    matrices: tuple[Matrix, ...],
    keepers: Sequence[Cutting | Grouping],
    writers: Sequence[MaskWriter],
    threads: int | None,
    progress: Progress | None,
) -> None:
    # Cuts come from counts, in which a weight that is no number shows; groups are not counted.
    unchecked = any(isinstance(keeper, Grouping) for keeper in keepers)

    def keep(chunk: Chunk) -> tuple[Chunk, list[Piece]]:
        keys = chunk.keys()
        if unchecked:
            check_finite(keys, scores.infinity, chunk.matrix, chunk.start)
        return chunk, [keeper.keep(chunk, keys) for keeper in keepers]

    for chunk, pieces in ordered_map(keep, chunks(scores, matrices, threads), threads):
        for keeper, writer, piece in zip(keepers, writers, pieces, strict=True):
            keeper.check(chunk, writer.write(keeper.settle(chunk, piece)))
        if progress:
            progress((chunk.stop - chunk.start) * chunk.matrix.shape[1])
