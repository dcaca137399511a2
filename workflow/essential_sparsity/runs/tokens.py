"""Rows of tokens as torch wants them: ordered, padded batch by batch."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch.utils.data import Dataset

_FEATURES = ("input_ids", "token_type_ids")


def sort_by_length(table: pa.Table) -> pa.Table:
    """Return the rows by ascending number of tokens, so that evaluation pads little."""
    lengths = [len(tokens) for tokens in table.column("input_ids").to_pylist()]
    return table.take(np.argsort(lengths, kind="stable"))


class TokenRows(Dataset[dict[str, Any]]):
    """The rows of a task's table as dictionaries of plain lists."""

    def __init__(self, table: pa.Table, labels: list[Any]) -> None:
        """Take a table with `input_ids`, `token_type_ids` where there are any, and the labels."""
        names = [name for name in _FEATURES if name in table.column_names]
        self._columns = {name: table.column(name).to_pylist() for name in names}
        self._labels = labels

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = {name: column[index] for name, column in self._columns.items()}
        return {**row, "labels": self._labels[index]}


@dataclass(frozen=True)
class Padding:
    """Collates examples: every list is padded on the right to the longest of the batch."""

    pad_token_id: int

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Return int64 tensors (batch, length), `attention_mask`, and `labels` (batch, ...)."""
        length = max(len(example["input_ids"]) for example in examples)
        batch = {
            name: torch.full(
                (len(examples), length), self.pad_token_id if name == "input_ids" else 0
            )
            for name in (*(n for n in _FEATURES if n in examples[0]), "attention_mask")
        }
        for row, example in enumerate(examples):
            size = len(example["input_ids"])
            batch["attention_mask"][row, :size] = 1
            for name in _FEATURES:
                if name in batch:
                    batch[name][row, :size] = torch.tensor(example[name])
        return {**batch, "labels": torch.tensor([example["labels"] for example in examples])}
