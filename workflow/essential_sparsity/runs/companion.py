"""What may accompany a fine-tuning: other weights to start from, something done on the way."""

from pathlib import Path
from typing import ClassVar

import torch
from transformers import PreTrainedModel, TrainerCallback

from essential_sparsity.checkpoints.manifest import Matrix
from essential_sparsity.runs.held_mask import HeldMask

Parameters = list[tuple[Matrix, torch.nn.Parameter]]


class Companion:
    """Accompanies a fine-tuning; by itself it changes nothing.

    Attributes:
        wants_weights: it has no use for a training that diverged.
    """

    wants_weights: ClassVar[bool] = False

    def start(self, model: PreTrainedModel) -> None:
        """Change the weights to start from, before the mask is applied."""

    def callbacks(
        self, held: HeldMask, parameters: Parameters, resumed: Path | None
    ) -> list[TrainerCallback]:
        """Return what is called on the way.

        Args:
            held: the mask that is held.
            parameters: the prunable matrices.
            resumed: the epoch checkpoint that the training goes on from, if there is one.
        """
        return []

    def end(self, model: PreTrainedModel, parameters: Parameters) -> None:
        """Take from the trained model what is wanted of it."""
