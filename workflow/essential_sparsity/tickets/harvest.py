"""A companion that takes from a trained model what a mask is made of."""

import torch
from transformers import PreTrainedModel

from essential_sparsity.runs.companion import Companion
from essential_sparsity.runs.model import Weight, is_pre_trained


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
