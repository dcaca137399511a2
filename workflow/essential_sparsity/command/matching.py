"""Which matrix of a mask belongs to which of a checkpoint."""

from pathlib import Path

from essential_sparsity.architectures import find_architecture
from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.masks.header import Header
from essential_sparsity.support.errors import UserError


def match_matrices(
    path: Path, header: Header, checkpoint: Checkpoint, any_checkpoint: bool = False
) -> dict[str, str]:
    """Return matrix of the checkpoint → name of the mask's tensor for it.

    Args:
        path: the mask's file.
        header: the mask's.
        checkpoint: what is to be pruned.
        any_checkpoint: take a mask of another checkpoint, by layer and module.

    Raises:
        UserError: the mask is of another checkpoint, or their matrices or shapes differ.
    """
    ours, theirs = checkpoint.manifest.sha256, header.checkpoint
    if ours != theirs and not any_checkpoint:
        raise UserError(
            f"{path}: is a mask of another checkpoint ({theirs[:12]}…) than {checkpoint.folder} "
            f"({ours[:12]}…); --any-checkpoint takes it where matrices and shapes agree"
        )
    if header.architecture != checkpoint.manifest.architecture:
        raise UserError(
            f"{path}: is a mask of a {header.architecture} model, {checkpoint.folder} is "
            f"{checkpoint.manifest.architecture}"
        )
    architecture = find_architecture(header.architecture, str(path))
    found = architecture.find(header.shapes, str(path), pooler=None)
    names = {(matrix.place.layer, matrix.place.module): matrix.name for matrix in found}
    pairs = {}
    for matrix in checkpoint.matrices:
        name = names.pop((matrix.layer, matrix.module), None)
        if name is None or header.shapes[name] != matrix.shape:
            there = "absent" if name is None else str(list(header.shapes[name]))
            raise UserError(
                f"{path}: layer {matrix.layer}'s {matrix.module} is {there}, in "
                f"{checkpoint.folder} {list(matrix.shape)} ({matrix.name})"
            )
        pairs[matrix.name] = name
    if names:
        raise UserError(
            f"{path}: '{next(iter(names.values()))}' is of a layer that {checkpoint.folder} does "
            "not have, or a pooler that is not pruned in it"
        )
    return pairs
