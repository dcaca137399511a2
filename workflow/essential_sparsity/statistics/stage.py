"""What every stage that computes tables has in common: its arguments, the files it writes."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from essential_sparsity.support.spec import Spec
from essential_sparsity.support.tables import provenance, write_table

_S = TypeVar("_S", bound=Spec)


def run_statistics(
    stage: str,
    about: str | None,
    kind: type[_S],
    compute: Callable[[Path, _S], Mapping[str, pa.Table]],
) -> None:
    """Read the command line, compute tables from what lies below the current folder, write them.

    Args:
        stage: the module, as its tables' provenance names it.
        about: what `--help` says of it.
        kind: of the spec.
        compute: from the root of all artifacts and the spec to the tables, by name.

    Raises:
        UserError: the spec is not valid, or see `compute`.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {stage}", description=about)
    parser.add_argument(
        "--spec", required=True, help=f"a {kind.__name__}: JSON, or a file that holds it"
    )
    parser.add_argument("--output", required=True, type=Path, help="folder for the tables")
    arguments = parser.parse_args()
    spec = kind.read(arguments.spec)
    tables = compute(Path(), spec)
    origin = provenance(stage, spec.document())
    for name, table in tables.items():
        write_table(arguments.output / f"{name}.parquet", table, origin)
