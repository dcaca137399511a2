"""What runs on texts have in common, whatever is asked about them."""

from abc import abstractmethod
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from torch.utils.data import Dataset
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from essential_sparsity.architectures import find_architecture
from essential_sparsity.runs.kind import Kind
from essential_sparsity.runs.spec import RecipeSpec
from essential_sparsity.runs.tokens import Padding, TokenRows, sort_by_length
from essential_sparsity.support.errors import UserError
from essential_sparsity.tasks.manifest import TaskData, tokenizer_digest


class Texts(Kind):
    """One text or two, with one label."""

    auto_class = AutoModelForSequenceClassification

    def __init__(self, task: TaskData, checkpoint: Path, recipe: RecipeSpec) -> None:
        """See `Kind`."""
        super().__init__(task, checkpoint, recipe)
        self.pad_token_id = int(task.document["pad_token_id"])

    def preprocessor_digest(self) -> str:
        """Return the tokenizer's."""
        return tokenizer_digest(self.checkpoint)

    def evaluation(self) -> pa.Table:
        """Return the rows to score on, the shortest first."""
        return sort_by_length(super().evaluation())

    def configure(self, model: PreTrainedModel) -> None:
        """Name the padding: heads that read the last token find it by that.

        Raises:
            UserError: the model has no embedding of the padding, or fewer positions than the texts
                may have tokens.
        """
        config, max_length = model.config, int(self.task.document["preprocessing"]["max_length"])
        if self.pad_token_id >= config.vocab_size:
            raise UserError(
                f"{self.checkpoint}: its tokenizer pads with token {self.pad_token_id}, its model "
                f"knows {config.vocab_size} (0 to {config.vocab_size - 1})"
            )
        architecture = find_architecture(config.model_type, str(self.checkpoint))
        positions = architecture.positions(config.to_dict())
        if positions is not None and max_length > positions:
            raise UserError(
                f"max_length: {max_length} is more than the {positions} positions of the model in "
                f"{self.checkpoint}"
            )
        config.pad_token_id = self.pad_token_id

    def dataset(self, table: pa.Table, split: str) -> Dataset[dict[str, Any]]:
        """Return the rows as lists of tokens."""
        return TokenRows(table, table.column("label").to_pylist())

    def collate(self, examples: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Pad to the longest."""
        return Padding(self.pad_token_id)(examples)

    @abstractmethod
    def head(self) -> dict[str, Any]:
        """See `Kind`."""
