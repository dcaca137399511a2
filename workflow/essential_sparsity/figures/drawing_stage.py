"""Draws a figure of any kind from its tables, and writes it as picture, as print, as data."""

import argparse
import io
from collections.abc import Mapping, Set
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa
from matplotlib.figure import Figure

from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.drawing.style import use_style
from essential_sparsity.figures.kind import open_kind
from essential_sparsity.support.errors import UserError, run_stage
from essential_sparsity.support.files import atomic_path, sha256_of
from essential_sparsity.support.tables import provenance, read_table, write_table

STAGE = "essential_sparsity.figures.drawing_stage"

# Dates and versions in the files would make two drawings of the same data differ.
_FORMATS: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def main() -> None:
    """Read the command line and the tables, draw, and write the three files."""
    parser = argparse.ArgumentParser(prog=f"python -m {STAGE}", description=__doc__)
    parser.add_argument("kind", help="the package of the kind")
    parser.add_argument("--spec", required=True, help="JSON of a FigureSpec, or its file")
    parser.add_argument(
        "--tables", required=True, type=Path, nargs="+", help="folders of the experiments' tables"
    )
    parser.add_argument("--output", required=True, type=Path, help="path without its suffix")
    arguments = parser.parse_args()
    spec = FigureSpec.read(arguments.spec)
    stage = open_kind(arguments.kind).drawing
    kind = import_module(stage)
    tables = load_tables(*arguments.tables, columns=kind.COLUMNS)
    origin = provenance(stage, spec.document(), STAGE)
    data = kind.select(tables, spec)
    with use_style():
        save_figure(arguments.output, kind.draw(data, spec), data, origin)


def load_tables(*folders: Path, columns: Mapping[str, Set[str]]) -> dict[str, pa.Table]:
    """Read `{name}.parquet` of the folders for every name in `columns`.

    Those of several folders follow each other, and `experiment` is the name of a row's folder.
    """
    tables = {}
    for name, needed in columns.items():
        parts = []
        for folder in folders:
            path = folder / f"{name}.parquet"
            part = read_table(path, set(needed))
            if not part.num_rows:
                raise UserError(f"{path}: has no rows; there is nothing to draw")
            experiment = pa.repeat(folder.name, part.num_rows)
            parts.append(part.append_column("experiment", experiment))
        tables[name] = pa.concat_tables(parts, promote_options="default")
    return tables


def save_figure(output: Path, figure: Figure, data: pa.Table, origin: dict[str, Any]) -> None:
    """Write `output`.png, .pdf and .parquet (the data as drawn): all three, or none on an error.

    The data's origin has the digests of the other two under `files`.
    """
    paths = {end: output.with_name(f"{output.name}.{end}") for end in (*_FORMATS, "parquet")}
    with ExitStack() as stack:
        temporary = {end: stack.enter_context(atomic_path(path)) for end, path in paths.items()}
        for end, metadata in _FORMATS.items():
            # Drawn in memory: matplotlib's PDF writer hides what a full disk says.
            drawn = io.BytesIO()
            figure.savefig(drawn, format=end, metadata=metadata)
            temporary[end].write_bytes(drawn.getvalue())
        files = {paths[end].name: sha256_of(temporary[end]) for end in _FORMATS}
        write_table(temporary["parquet"], data, {**origin, "files": files})


if __name__ == "__main__":
    run_stage(main)
