"""Texts and numbers."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from essential_sparsity.runs.heads.head import Texts, with_prediction


class TextRegression(Texts):
    """A linear head with one output, trained by squared error on the labels as they are."""

    def options(self) -> dict[str, Any]:
        """Return one output."""
        return {"num_labels": 1}

    def loss(self, outputs: Any, labels: torch.Tensor) -> torch.Tensor:
        """Return the squared error."""
        found: torch.Tensor = outputs.logits.float().squeeze(-1)
        counts = labels.ne(-100)
        return (found[counts] - labels[counts].float()).square().sum()

    def predictions(self, logits: Any, table: pa.Table) -> pa.Table:
        """Return `id`, `label` and `prediction`, both numbers."""
        return with_prediction(table, pa.array(np.asarray(logits)[:, 0].astype(np.float64)))

    def constants(self, table: pa.Table) -> Iterator[pa.Table]:
        """Yield 0 for all: constants correlate with nothing, one as little as another."""
        yield self.predictions(np.zeros((table.num_rows, 1)), table)


HEAD = TextRegression
