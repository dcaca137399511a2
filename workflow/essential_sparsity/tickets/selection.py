"""The mask that trained weights make, by the machinery that makes every other mask."""

from collections.abc import Iterable
from pathlib import Path

import torch

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.checkpoints.manifest import Matrix
from essential_sparsity.checkpoints.weights import write_weights
from essential_sparsity.masks.computation import compute_masks
from essential_sparsity.masks.criterion import Inputs
from essential_sparsity.masks.trained import Trained

Parameters = Iterable[tuple[Matrix, torch.nn.Parameter]]


def select(
    checkpoint: Checkpoint,
    parameters: Parameters,
    held: Path,
    spec: Trained,
    scratch: Path,
    output: Path,
    threads: int | None = None,
) -> None:
    """Write the mask of `spec`: the smallest of the trained weights go, the removed ones first.

    Args:
        checkpoint: the model's.
        parameters: its prunable matrices, trained.
        held: the mask under which they were trained last.
        spec: how many weights go where.
        scratch: a folder for the weights, which are deleted again.
        output: the mask's file.
        threads: how many; all cores if None.

    Raises:
        UserError: a trained weight is NaN or infinite.
    """
    weights = scratch / spec.files()["weights"]
    state = {matrix.name: parameter.detach().float().cpu() for matrix, parameter in parameters}
    write_weights(weights, {name: tensor.contiguous() for name, tensor in state.items()})
    files = {"weights": weights, "held": held}
    masks = dict.fromkeys(spec.references(), held)
    try:
        compute_masks(checkpoint, {output: spec}, Inputs(masks, files), threads=threads)
    finally:
        weights.unlink()
