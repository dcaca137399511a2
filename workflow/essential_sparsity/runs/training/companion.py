"""What may accompany a fine-tuning: other weights to start from, something done on the way."""

from pathlib import Path
from typing import ClassVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import PreTrainedModel, TrainerCallback

from essential_sparsity.runs.model import HeldMask, Weight
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import REMEDY, check_seal


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
        """Return what is called on the way; `resumed` is the epoch checkpoint gone on from."""
        return []

    def end(self, model: PreTrainedModel, weights: list[Weight]) -> None:
        """Take from the trained model what is wanted of it."""


class Rewound(Companion):
    """Starts from the weights in files; what they do not hold stays as it was loaded or drawn."""

    def __init__(self, *files: Path) -> None:
        self._files = files

    def start(self, model: PreTrainedModel) -> None:
        """Put the weights into the model, and check that they are there."""
        own = model.state_dict()
        for file in self._files:
            try:
                check_seal(file)
                stored = load_file(file)
            except (OSError, SafetensorError) as error:
                raise UserError(f"{file}: cannot be read ({error}); {REMEDY}") from None
            for name, tensor in stored.items():
                if name not in own or own[name].shape != tensor.shape:
                    raise UserError(f"{file}: {name}: the model has no such tensor of this shape")
                own[name].copy_(tensor)
                if not torch.equal(own[name].cpu(), tensor.to(own[name].dtype)):
                    raise UserError(f"{file}: {name}: was not taken over bit for bit")
