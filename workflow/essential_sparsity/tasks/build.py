"""Makes a task's data: loads the examples, checks them, tokenises them, writes them."""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa

from essential_sparsity.errors import UserError
from essential_sparsity.files import atomic_folder, sha256_of, write_json
from essential_sparsity.tables import provenance, write_table
from essential_sparsity.tasks.examples import Examples, check_classes, examples_of
from essential_sparsity.tasks.manifest import FORMAT_VERSION, MANIFEST
from essential_sparsity.tasks.source import SPLITS
from essential_sparsity.tasks.sources import load_source
from essential_sparsity.tasks.spec import TaskDataSpec
from essential_sparsity.tasks.tokens import Tokenizer

_FIELD_SEPARATOR = " ␞ "


def build_task(spec: TaskDataSpec, checkpoint: Path, output: Path) -> None:
    """Write `train.parquet`, `evaluation.parquet` and `task.json` into the folder `output`.

    Args:
        spec: the data, their columns and labels, and the maximum length.
        checkpoint: a folder with a tokenizer.
        output: replaced as a whole; untouched if anything fails.

    Raises:
        UserError: see `Tokenizer`, `load_source` and `examples_of`.
    """
    tokenizer = Tokenizer(checkpoint, spec.max_length)
    source = load_source(spec.data)
    check_classes(source, spec)
    examples = {split: examples_of(source, split, spec) for split in SPLITS}
    _check_ids(examples)
    with atomic_folder(output) as folder:
        origin = provenance("essential_sparsity.tasks", spec.document())
        splits: dict[str, Any] = {}
        for split, chosen in examples.items():
            table = _tokenised(chosen, tokenizer, with_text=split == "evaluation")
            file = folder / f"{split}.parquet"
            write_table(file, table, origin)
            splits[split] = {
                "file": file.name,
                "examples": table.num_rows,
                "sha256": sha256_of(file),
                "tokens": _length_summary(table),
            }
            print(f"{split}: {table.num_rows} examples", file=sys.stderr)
        write_json(
            folder / MANIFEST,
            {
                "format_version": FORMAT_VERSION,
                "labels": list(spec.labels),
                "fields": list(spec.fields),
                "max_length": spec.max_length,
                "tokenizer_sha256": tokenizer.sha256,
                "pad_token_id": tokenizer.pad_token_id,
                "splits": splits,
                "majority": _majority(examples["evaluation"], spec.labels),
                "corpus": source.origin,
                **origin,
            },
        )


def _check_ids(examples: dict[str, Examples]) -> None:
    counts = Counter(name for chosen in examples.values() for name in chosen.ids)
    name, count = counts.most_common(1)[0]
    if count > 1:
        raise UserError(f"the example '{name}' occurs {count} times; names must be unique")


def _tokenised(examples: Examples, tokenizer: Tokenizer, with_text: bool) -> pa.Table:
    encoded = tokenizer.encode(examples.texts)
    columns = {
        "id": pa.array(examples.ids, pa.string()),
        "input_ids": pa.array(encoded["input_ids"], pa.list_(pa.int32())),
        "label": pa.array(examples.labels, pa.int64()),
    }
    if "token_type_ids" in encoded:
        columns["token_type_ids"] = pa.array(encoded["token_type_ids"], pa.list_(pa.int8()))
    if with_text:
        joined = [_FIELD_SEPARATOR.join(texts) for texts in zip(*examples.texts, strict=True)]
        columns["text"] = pa.array(joined, pa.string())
    return pa.table(columns)


def _length_summary(table: pa.Table) -> dict[str, float]:
    """Return mean, 95th percentile and maximum of the examples' numbers of tokens."""
    lengths = sorted(len(tokens) for tokens in table.column("input_ids").to_pylist())
    return {
        "mean": round(sum(lengths) / len(lengths), 2),
        "p95": lengths[int(0.95 * (len(lengths) - 1))],
        "max": lengths[-1],
    }


def _majority(examples: Examples, labels: tuple[str, ...]) -> dict[str, Any]:
    """Return the most frequent label and the score, in %, of always answering it."""
    number, count = Counter(examples.labels.tolist()).most_common(1)[0]
    return {"label": labels[number], "share": 100 * count / len(examples.ids)}
