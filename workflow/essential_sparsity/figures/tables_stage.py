"""Computes the tables of a kind of figure from artifacts that lie below the current folder."""

import argparse
from importlib import import_module
from pathlib import Path

from essential_sparsity.figures.kind import open_kind
from essential_sparsity.support.errors import run_stage
from essential_sparsity.support.tables import provenance, write_table

STAGE = "essential_sparsity.figures.tables_stage"


def main() -> None:
    """Run the stage from the command line."""
    parser = argparse.ArgumentParser(prog=f"python -m {STAGE}", description=__doc__)
    parser.add_argument("kind", help="the package of the kind")
    parser.add_argument("--spec", required=True, help="JSON of its spec, or its file")
    parser.add_argument(
        "--inputs", required=True, type=Path, help="a file that lists the artifacts, a line each"
    )
    parser.add_argument("--output", required=True, type=Path, help="folder for the tables")
    arguments = parser.parse_args()
    kind = open_kind(arguments.kind)
    spec = kind.spec.read(arguments.spec)
    files = arguments.inputs.read_text(encoding="utf-8").splitlines()
    tables = import_module(kind.statistics).compute(Path(), files, spec)
    origin = provenance(kind.statistics, spec.document(), STAGE)
    for name, table in tables.items():
        write_table(arguments.output / f"{name}.parquet", table, origin)


if __name__ == "__main__":
    run_stage(main)
