"""Texts of a task as tables of tokens."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from essential_sparsity.tasks.columns import texts_of
from essential_sparsity.tasks.kinds import Built
from essential_sparsity.tasks.source import SPLITS, Source
from essential_sparsity.tasks.spec import TaskDataSpec
from essential_sparsity.tasks.tokens import Tokenizer

_FIELD_SEPARATOR = " ␞ "


def build_texts(
    source: Source,
    spec: TaskDataSpec,
    checkpoint: Path,
    fields: tuple[str, ...],
    targets: dict[str, npt.NDArray[Any]],
    labels: tuple[str, ...] = (),
) -> Built:
    """Tokenise the columns `fields` of both splits.

    Args:
        source: the raw examples.
        spec: with a `max_length`.
        checkpoint: a folder with a tokenizer.
        fields: one column of texts, or two.
        targets: by split, the labels (examples,).
        labels: the classes' names.

    Raises:
        UserError: see `Tokenizer` and `texts_of`.
    """
    tokenizer = Tokenizer(checkpoint, int(spec.max_length or 0))
    tables = {}
    for split in SPLITS:
        texts = tuple(texts_of(source, split, "fields", field) for field in fields)
        columns = {
            "id": source.splits[split].column("id").cast(pa.string()),
            **token_columns(tokenizer.encode(texts)),
            "label": pa.array(targets[split]),
        }
        if split == "evaluation":
            joined = [_FIELD_SEPARATOR.join(parts) for parts in zip(*texts, strict=True)]
            columns["text"] = pa.array(joined, pa.string())
        tables[split] = pa.table(columns)
    facts = {
        "fields": list(fields),
        "pad_token_id": tokenizer.pad_token_id,
        "tokens": {split: length_summary(table) for split, table in tables.items()},
    }
    return Built(tables, tokenizer.sha256, labels, facts)


def token_columns(encoded: dict[str, list[list[int]]]) -> dict[str, pa.Array]:
    """Return the columns `input_ids`, and `token_type_ids` if the tokenizer has them."""
    columns = {"input_ids": pa.array(encoded["input_ids"], pa.list_(pa.int32()))}
    if "token_type_ids" in encoded:
        columns["token_type_ids"] = pa.array(encoded["token_type_ids"], pa.list_(pa.int8()))
    return columns


def length_summary(table: pa.Table) -> dict[str, float]:
    """Return mean, 95th percentile and maximum of the examples' numbers of tokens."""
    lengths = np.sort([len(tokens) for tokens in table.column("input_ids").to_pylist()])
    return {
        "mean": round(float(lengths.mean()), 2),
        "p95": int(lengths[int(0.95 * (len(lengths) - 1))]),
        "max": int(lengths[-1]),
    }
