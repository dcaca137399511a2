"""What may accompany a fine-tuning: other weights to start from, something done on the way."""

from pathlib import Path
from typing import ClassVar

from transformers import PreTrainedModel, TrainerCallback

from essential_sparsity.runs.held_mask import HeldMask
from essential_sparsity.runs.model import Weight


class Companion:
    """Accompanies a fine-tuning; by itself it changes nothing.

    Attributes:
        wants_weights: it has no use for a training that diverged.
    """

    wants_weights: ClassVar[bool] = False

    def start(self, model: PreTrainedModel) -> None:
        """Change the weights to start from, before the mask is applied."""

    def callbacks(
        self, held: HeldMask, weights: list[Weight], resumed: Path | None
    ) -> list[TrainerCallback]:
        """Return what is called on the way.

        Args:
            held: the mask that is held.
            weights: the prunable matrices.
            resumed: the epoch checkpoint that the training goes on from, if there is one.
        """
        return []

    def end(self, model: PreTrainedModel, weights: list[Weight]) -> None:
        """Take from the trained model what is wanted of it."""
