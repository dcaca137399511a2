"""Weights of an early step of training, from which a fine-tuning starts instead of the first."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import PreTrainedModel

from essential_sparsity.runs.companion import Companion
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import REMEDY, check_seal


class Rewound(Companion):
    """Starts from the weights in files; what they do not hold stays as it was loaded or drawn."""

    def __init__(self, *files: Path) -> None:
        """Take the files of tensors, by the model's names."""
        self._files = files

    def start(self, model: PreTrainedModel) -> None:
        """Put the weights into the model, and check that they are there.

        Raises:
            UserError: a file cannot be read, or holds what the model has not.
        """
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
