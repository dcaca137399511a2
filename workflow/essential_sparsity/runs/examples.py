"""A task's examples as torch wants them: a fixed sample, ordered, padded batch by batch."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch.utils.data import Dataset

_FEATURES = ("input_ids", "token_type_ids")


def take_sample(table: pa.Table, count: int | None) -> pa.Table:
    """Return `count` rows (all if None), the same ones on every machine and for every seed.

    The rows with the smallest hashes of their ids: adding examples to a task moves few of them.
    """
    if count is None or count >= table.num_rows:
        return table
    ids = table.column("id").to_pylist()
    rank = sorted(
        range(len(ids)), key=lambda row: hashlib.blake2b(ids[row].encode(), digest_size=8).digest()
    )
    return table.take(sorted(rank[:count]))


def sort_by_length(table: pa.Table) -> pa.Table:
    """Return the rows by ascending number of tokens, so that evaluation pads little."""
    lengths = [len(tokens) for tokens in table.column("input_ids").to_pylist()]
    return table.take(np.argsort(lengths, kind="stable"))


class Examples(Dataset[dict[str, Any]]):
    """The rows of a task's table as dictionaries of plain lists."""

    def __init__(self, table: pa.Table) -> None:
        """Take `input_ids`, `token_type_ids` where there are any, and `label`."""
        names = [name for name in _FEATURES if name in table.column_names]
        self._columns = {name: table.column(name).to_pylist() for name in names}
        self._labels = table.column("label").to_pylist()

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
        """Return int64 tensors (batch, length), `attention_mask` and `labels` (batch,)."""
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
