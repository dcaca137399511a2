"""A finished task-data folder: what `task.json` says, and the check that it still holds."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from essential_sparsity.errors import UserError
from essential_sparsity.files import read_json, sha256_of
from essential_sparsity.tables import read_table
from essential_sparsity.tasks.source import SPLITS

FORMAT_VERSION = 1
MANIFEST = "task.json"
COLUMNS = frozenset({"id", "input_ids", "label"})

# The files that decide how text becomes tokens, for the tokenizers of all families.
_TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "merges.txt", "tokenizer.model")


@dataclass(frozen=True)
class TaskData:
    """One task's examples for one tokenizer, as they lie in `folder`.

    Attributes:
        labels: the classes' names; a label is an index into them.
        tokenizer_sha256: `tokenizer_digest` of the checkpoint whose tokenizer was used.
        pad_token_id: what batches are padded with.
        majority: score, in %, of always answering the most frequent evaluation label.
        majority_label: that label's name.
        examples: number of examples of each split.
        document: all of `task.json`.
    """

    folder: Path
    labels: tuple[str, ...]
    fields: tuple[str, ...]
    tokenizer_sha256: str
    pad_token_id: int
    majority: float
    majority_label: str
    examples: dict[str, int]
    document: dict[str, Any]

    def path(self, split: str) -> Path:
        """Return the Parquet file of `split` (`train` or `evaluation`)."""
        return self.folder / str(self.document["splits"][split]["file"])

    def table(self, split: str) -> pa.Table:
        """Read a split: columns id, input_ids, label, and token_type_ids if the tokenizer has them.

        Raises:
            UserError: the file is missing or damaged, or has another number of rows.
        """
        table = read_table(self.path(split), set(COLUMNS))
        if table.num_rows != self.examples[split]:
            raise UserError(
                f"{self.path(split)}: {table.num_rows} rows, but {MANIFEST} says"
                f" {self.examples[split]}; delete {self.folder} and run the study again"
            )
        return table


def load_task(folder: Path, verify: bool = True) -> TaskData:
    """Read `folder/task.json` and check that the split files are the ones it was written for.

    Args:
        folder: what the task-data stage wrote.
        verify: hash the split files and compare.

    Raises:
        UserError: no or another version's `task.json`, or a file that is missing or differs.
    """
    path = folder / MANIFEST
    document = read_json(path, "task manifest")
    again = f"delete {folder} and run the study again"
    if document.get("format_version") != FORMAT_VERSION:
        raise UserError(
            f"{path}: format_version: {document.get('format_version')!r} is not {FORMAT_VERSION},"
            f" the version that this program reads; {again}"
        )
    try:
        task = TaskData(
            folder=folder,
            labels=tuple(document["labels"]),
            fields=tuple(document["fields"]),
            tokenizer_sha256=document["tokenizer_sha256"],
            pad_token_id=int(document["pad_token_id"]),
            majority=float(document["majority"]["share"]),
            majority_label=document["majority"]["label"],
            examples={split: int(document["splits"][split]["examples"]) for split in SPLITS},
            document=document,
        )
        expected = {task.path(split): document["splits"][split]["sha256"] for split in SPLITS}
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not a complete task manifest ({error!r}); {again}") from None
    for file, digest in expected.items():
        if not file.is_file():
            raise UserError(f"{file}: no such file, though {MANIFEST} lists it; {again}")
        if verify and sha256_of(file) != digest:
            raise UserError(f"{file}: sha256 differs from the one in {MANIFEST}; {again}")
    return task


def tokenizer_digest(checkpoint: Path) -> str:
    """Return the SHA-256 of the checkpoint's `tokenizer.json`, or of its vocabulary files together.

    Raises:
        UserError: the folder holds no tokenizer.
    """
    found = [checkpoint / name for name in _TOKENIZER_FILES if (checkpoint / name).is_file()]
    if not found:
        raise UserError(
            f"{checkpoint}: holds no tokenizer ({', '.join(_TOKENIZER_FILES)}); a checkpoint for"
            " text tasks needs one"
        )
    digests = [sha256_of(file) for file in found]
    if found[0].name == "tokenizer.json":
        return digests[0]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()
