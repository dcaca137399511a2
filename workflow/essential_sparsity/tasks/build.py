"""Makes a task's data: loads the examples, checks them, makes them ready, writes them."""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa

from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import atomic_folder, sha256_of, write_json
from essential_sparsity.support.tables import provenance, write_table
from essential_sparsity.tasks.examples import Built, module_of
from essential_sparsity.tasks.manifest import FORMAT_VERSION, MANIFEST
from essential_sparsity.tasks.source import SOURCES, SPLITS, load_source
from essential_sparsity.tasks.spec import TaskDataSpec


def build_task(
    spec: TaskDataSpec, checkpoint: Path, output: Path, pins: Path | None = None
) -> None:
    """Write `train.parquet`, `evaluation.parquet` and `task.json` into the folder `output`.

    It is replaced as a whole, and untouched if anything fails. The checkpoint's folder has the
    tokenizer or the image processor; `pins` is the lock file of what hubs served first.
    """
    source = load_source(spec, pins)
    with atomic_folder(output) as folder:
        built = spec.examples.build(source, spec.preprocessing, checkpoint, folder)
        _check_ids(built.tables)
        modules = SOURCES[spec.data.kind], module_of(spec.examples.kind)
        origin = provenance("essential_sparsity.tasks", spec.document(), *modules)
        splits: dict[str, Any] = {}
        for split in SPLITS:
            file = folder / f"{split}.parquet"
            write_table(file, built.tables[split], origin)
            splits[split] = {"file": file.name, "examples": built.tables[split].num_rows}
            print(f"{split}: {built.tables[split].num_rows} examples", file=sys.stderr)
        write_json(
            folder / MANIFEST,
            {
                "format_version": FORMAT_VERSION,
                "kind": spec.examples.kind,
                "labels": list(built.labels),
                "preprocessing": spec.preprocessing,
                "preprocessor_sha256": built.preprocessor_sha256,
                "splits": splits,
                "files": {file.name: sha256_of(file) for file in sorted(folder.iterdir())},
                "majority": _majority(built),
                "corpus": source.origin,
                **built.facts,
                **origin,
            },
        )


def _check_ids(tables: dict[str, pa.Table]) -> None:
    counts = Counter(name for table in tables.values() for name in table.column("id").to_pylist())
    name, count = counts.most_common(1)[0]
    if count > 1:
        raise UserError(f"the example '{name}' occurs {count} times; names must be unique")


def _majority(built: Built) -> dict[str, Any] | None:
    """Return the most frequent class and the score, in %, of always answering it."""
    labels = built.tables["evaluation"].column("label")
    if not built.labels or not pa.types.is_integer(labels.type):
        return None
    number, count = Counter(labels.to_pylist()).most_common(1)[0]
    return {"label": built.labels[number], "share": 100 * count / len(labels)}
