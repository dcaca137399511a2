"""What runs with classes have in common, whatever is classified."""

from typing import Any

import pyarrow as pa
import torch

from essential_sparsity.runs.kind import (
    Kind,
    check_classes,
    class_head,
    class_loss,
    class_predictions,
)


class Classes(Kind):
    """A linear head over the classes, trained by cross-entropy."""

    def train(self) -> pa.Table:
        """Return the training rows, their labels checked."""
        table = super().train()
        check_classes(self.task, table)
        return table

    def evaluation(self) -> pa.Table:
        """Return the rows to score on, their labels checked."""
        table = super().evaluation()
        check_classes(self.task, table)
        return table

    def head(self) -> dict[str, Any]:
        """Return the classes."""
        return class_head(self.task.labels)

    def loss(self, outputs: Any, labels: torch.Tensor) -> torch.Tensor:
        """Return the cross-entropy."""
        return class_loss(outputs, labels)

    def predictions(self, logits: Any, table: pa.Table) -> pa.Table:
        """Return `id`, `label`, `prediction` and `logits`."""
        return class_predictions(logits, table)
