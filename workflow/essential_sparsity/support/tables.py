"""Parquet files that explain themselves: written whole or not at all, with their origin."""

import contextlib
import json
import platform
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import BLANK, KEY, REMEDY, atomic_path, check_seal, seal
from essential_sparsity.support.fingerprint import fingerprint

_KEY = b"essential_sparsity"
_LIBRARIES = (
    "essential-sparsity", "snakemake", "torch", "transformers", "accelerate", "datasets",
    "tokenizers", "safetensors", "numpy", "pyarrow", "matplotlib", "pillow", "scikit-learn",
    "torchmetrics",
)  # fmt: skip


def columns(kind: pa.DataType, *names: str) -> list[pa.Field]:
    """Return columns of one type, for a schema."""
    return [pa.field(name, kind) for name in names]


def provenance(stage: str, spec: dict[str, Any], *modules: str) -> dict[str, Any]:
    """Return what made an artifact: stage, spec, code fingerprint, Python and library versions.

    `modules` are those that the stage imports by name, beyond what its fingerprint sees by itself.
    The versions are those of the installed libraries, whether this stage uses them or not, so that
    equal work leaves equal bytes.
    """
    libraries = {}
    for name in _LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):
            libraries[name] = version(name)
    return {
        "stage": stage,
        "spec": spec,
        "code": fingerprint(stage, *modules),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "libraries": libraries,
    }


def write_table(path: Path, table: pa.Table, origin: dict[str, Any]) -> None:
    """Write `table` to `path` atomically, with `origin` (see `provenance`) in its metadata."""
    with open_table(path, table.schema, origin) as write:
        write(table)


@contextlib.contextmanager
def open_table(
    path: Path, schema: pa.Schema, origin: dict[str, Any]
) -> Iterator[Callable[[pa.Table], None]]:
    """Write a table piece by piece, as `write_table` does: yield what writes a piece.

    Each piece is a row group, or several if it has more than a million rows. The file is sealed.
    """
    own = {_KEY: json.dumps(origin).encode(), KEY.encode(): BLANK.encode()}
    schema = schema.with_metadata({**(schema.metadata or {}), **own})
    with atomic_path(path) as temporary:
        with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
            yield writer.write_table
        seal(temporary)


def read_table(path: Path, columns: set[str]) -> pa.Table:
    """Read a Parquet file that must be whole and have `columns`."""
    try:
        check_seal(path)
        table = pq.read_table(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; delete nothing, run the study again") from None
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: not a readable Parquet file ({error}); {REMEDY}") from None
    if missing := sorted(columns - set(table.column_names)):
        raise UserError(
            f"{path}: lacks the column(s) {', '.join(missing)}; if another version of the code "
            "wrote it, run the study again (`make study`), which makes it anew"
        )
    return table


def read_origin(path: Path) -> dict[str, Any]:
    """Return what made a Parquet file, without reading its rows."""
    return origin_of(pq.read_schema(path).empty_table())


def origin_of(table: pa.Table) -> dict[str, Any]:
    """Return what `write_table` was told made this table, or an empty dictionary."""
    document = json.loads((table.schema.metadata or {}).get(_KEY, b"{}"))
    return document if isinstance(document, dict) else {}
