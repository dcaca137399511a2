"""What a mask is made of after a training, and the mask, by the machinery of every other one."""

from pathlib import Path

import torch
from transformers import PreTrainedModel

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.checkpoints.weights import write_weights
from essential_sparsity.masks.computation import compute_masks
from essential_sparsity.masks.criterion import Inputs
from essential_sparsity.masks.trained import Trained
from essential_sparsity.runs.model import Weight, is_pre_trained
from essential_sparsity.runs.training.companion import Companion


class Harvest(Companion):
    """Holds on to the trained prunable matrices, and to the head."""

    wants_weights = True
    weights: list[Weight]
    head: dict[str, torch.Tensor]

    def end(self, model: PreTrainedModel, weights: list[Weight]) -> None:
        """Take matrices and head."""
        self.weights = weights
        self.head = {
            name: tensor.detach().cpu().contiguous()
            for name, tensor in model.state_dict().items()
            if not is_pre_trained(model, name)
        }


def select(
    checkpoint: Checkpoint,
    weights: list[Weight],
    held: Path,
    spec: Trained,
    scratch: Path,
    output: Path,
    threads: int | None = None,
) -> None:
    """Write the mask of `spec`: the smallest of the trained weights go, the removed ones first.

    Args:
        checkpoint: the model's.
        weights: its prunable matrices, trained.
        held: the mask under which they were trained last.
        spec: how many weights go where.
        scratch: a folder for the weights, which are deleted again.
        output: the mask's file.
        threads: how many; all cores if None.

    Raises:
        UserError: a trained weight is NaN or infinite.
    """
    trained = scratch / spec.files()["weights"]
    state = {weight.matrix.name: weight.values.float().cpu() for weight in weights}
    write_weights(trained, {name: tensor.contiguous() for name, tensor in state.items()})
    files = {"weights": trained, "held": held}
    masks = dict.fromkeys(spec.references(), held)
    try:
        compute_masks(checkpoint, {output: spec}, Inputs(masks, files), threads=threads)
    finally:
        trained.unlink()
