"""Computes masks: rankings of one kind side by side, in one pass that writes them all."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.checkpoints.manifest import Matrix
from essential_sparsity.masks.criterion import Criterion, Inputs, Ranking
from essential_sparsity.masks.cuts import ALLOTMENTS, Allotment, Group, find_cuts
from essential_sparsity.masks.histogram import Histogram, count_keys
from essential_sparsity.masks.keepers import Cutting, Grouping, Piece
from essential_sparsity.masks.keys import Scores, check_finite
from essential_sparsity.masks.mask import Header, MaskWriter, load_for, write_masks
from essential_sparsity.masks.streaming import Chunk, Progress, scan
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import sha256_of
from essential_sparsity.support.spec import canonical_json


def compute_masks(
    checkpoint: Checkpoint,
    wanted: Mapping[Path, Criterion],
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
    keepers: dict[int, Cutting | Grouping] = {}
    allotments: dict[int, Allotment] = {}
    for number, spec in enumerate(specs):
        if spec.pattern or spec.scope == "row":
            keepers[number] = Grouping.of(spec, matrices)
        else:
            allotments[number] = _allot(spec, matrices, inputs)
    if allotments:
        counted = histogram or count_keys(checkpoint, scores, threads, progress)
        cuts = find_cuts(counted, [*allotments.values()], scores, matrices, threads, progress)
        for number, found in zip(allotments, cuts, strict=True):
            keepers[number] = Cutting(found, checkpoint.folder)
    ordered = [keepers[number] for number in range(len(specs))]
    digest = cache(sha256_of)
    headers = [
        Header.of(
            checkpoint.manifest,
            name=spec.name,
            spec=spec.document(),
            removed=keeper.removed,
            selected_on=scores.selected_on,
            threshold=_threshold(spec, keeper, scores),
            inputs={role: digest(inputs.files[role]) for role in spec.files()}
            | {f"mask {name}": digest(inputs.masks[name]) for name in spec.references()},
        )
        for spec, keeper in zip(specs, ordered, strict=True)
    ]
    with write_masks(dict(zip(wanted, headers, strict=True))) as writers:
        _write(scores, matrices, ordered, writers, threads, progress)


def _allot(spec: Ranking, matrices: tuple[Matrix, ...], inputs: Inputs) -> Allotment:
    """Return how many weights go where."""
    if spec.scope != "matched":
        return ALLOTMENTS[spec.scope](matrices, spec.sparsity or 0.0)
    (name,) = spec.references()
    if name not in inputs.masks:
        raise UserError(f"like: the mask '{name}', which '{spec.name}' is to match, is not given")
    removed = load_for(matrices, inputs.masks[name]).removed()
    return [Group((index,), count) for index, count in enumerate(removed.values())]


def _threshold(spec: Ranking, keeper: Cutting | Grouping, scores: Scores) -> float | None:
    """Return the score at the cut, where there is one cut for all matrices."""
    if spec.scope != "global" or not isinstance(keeper, Cutting):
        return None
    return scores.value(keeper.cuts[0].key) if keeper.removed else None


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

    def keep(chunk: Chunk) -> list[Piece]:
        keys = chunk.keys()
        if unchecked:
            check_finite(keys, scores.infinity, chunk.matrix, chunk.start)
        return [keeper.keep(chunk, keys) for keeper in keepers]

    for chunk, pieces in scan(scores.open, matrices, keep, threads, progress):
        for keeper, writer, piece in zip(keepers, writers, pieces, strict=True):
            keeper.write(chunk, piece, writer)
