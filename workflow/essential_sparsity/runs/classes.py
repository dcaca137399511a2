"""What runs with classes have in common, whatever is classified."""

from collections.abc import Iterator
from typing import Any

import numpy as np
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

    def constants(self, table: pa.Table) -> Iterator[pa.Table]:
        """Yield the most frequent class for all; of two classes, the positive one too, for F1."""
        classes = len(self.task.labels)
        counts = np.bincount(table.column("label").to_numpy(), minlength=classes)
        for chosen in {int(counts.argmax()), *([1] if classes == 2 else [])}:
            logits = np.tile(np.eye(classes)[chosen], (table.num_rows, 1))
            yield class_predictions(logits, table)
