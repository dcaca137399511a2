"""A finished task-data folder: what `task.json` says, and the check that it still holds."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import REMEDY, read_json, sha256_of
from essential_sparsity.support.tables import read_table
from essential_sparsity.tasks.source import SPLITS

FORMAT_VERSION = 2
MANIFEST = "task.json"

# The files that decide how text becomes tokens, for the tokenizers of all families.
_TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "merges.txt", "tokenizer.model")


@dataclass(frozen=True)
class TaskData:
    """One task's examples, made ready for one tokenizer or image processor, in `folder`.

    Attributes:
        labels: the classes' names; a label is an index into them. Empty where there are none.
        examples: number of rows of each split.
        files: SHA-256 by file name.
        document: all of `task.json`; kinds of examples add keys of their own.
    """

    folder: Path
    kind: str
    labels: tuple[str, ...]
    preprocessor_sha256: str
    examples: dict[str, int]
    files: dict[str, str]
    document: dict[str, Any]

    def path(self, split: str) -> Path:
        """Return the Parquet file of `split` (`train` or `evaluation`)."""
        return self.folder / Path(str(self.document["splits"][split]["file"])).name

    def table(self, split: str) -> pa.Table:
        """Read a split: columns `id`, `label`, and those of the kind of examples."""
        table = read_table(self.path(split), {"id", "label"})
        if table.num_rows != self.examples[split]:
            raise UserError(
                f"{self.path(split)}: {table.num_rows} rows, but {MANIFEST} says"
                f" {self.examples[split]}; {REMEDY}"
            )
        return table


def load_task(folder: Path, verify: bool = True) -> TaskData:
    """Read `folder/task.json` and check its files; with `verify`, what they hold as well."""
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
            kind=str(document["kind"]),
            labels=tuple(document["labels"]),
            preprocessor_sha256=str(document["preprocessor_sha256"]),
            examples={split: int(document["splits"][split]["examples"]) for split in SPLITS},
            files={str(name): str(digest) for name, digest in document["files"].items()},
            document=document,
        )
        expected = {task.path(split).name: "" for split in SPLITS} | task.files
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: not a complete task manifest ({error!r}); {again}") from None
    for name, digest in expected.items():
        file = folder / Path(name).name
        if not file.is_file():
            raise UserError(f"{file}: no such file, though {MANIFEST} lists it; {REMEDY}")
        if verify and sha256_of(file) != digest:
            raise UserError(f"{file}: sha256 differs from the one in {MANIFEST}; {REMEDY}")
    return task


def tokenizer_digest(checkpoint: Path) -> str:
    """Return the SHA-256 of a checkpoint's `tokenizer.json`, or of all its vocabulary files."""
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
