"""The loss as an optimiser step has it: the mean over all of its labels, wherever they are."""

from types import SimpleNamespace
from typing import Any

import torch
from transformers import EvalPrediction

from essential_sparsity.runs.kind import Kind


class MeanLoss:
    """A kind's loss, as Trainer wants it."""

    def __init__(self, kind: Kind) -> None:
        """Take the kind of examples, whose loss is a sum."""
        self._kind = kind
        self._outputs: list[str] = []

    def __call__(
        self, outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the sum over a batch's labels, over the number of those of the whole step."""
        self._outputs = [name for name in outputs if name != "loss"]
        count = _count(labels) if num_items_in_batch is None else num_items_in_batch
        return self._kind.loss(outputs, labels) / count

    def over(self, evaluation: EvalPrediction) -> float:
        """Return the mean over all labels of an evaluation, no matter how it was batched."""
        found = evaluation.predictions
        arrays = found if isinstance(found, tuple) else (found,)
        tensors = [torch.from_numpy(array) for array in arrays]
        outputs = SimpleNamespace(**dict(zip(self._outputs, tensors, strict=True)))
        labels = torch.from_numpy(evaluation.label_ids)
        return float(self._kind.loss(outputs, labels) / _count(labels))


def _count(labels: torch.Tensor) -> torch.Tensor:
    return labels.ne(-100).sum()
