"""Writes `runs.parquet` and `predictions.parquet` of a study, from what lies below this folder."""

import argparse
from pathlib import Path

from essential_sparsity.support.errors import run_stage
from essential_sparsity.support.tables import open_table, provenance, write_table
from essential_sparsity.tidy import predictions
from essential_sparsity.tidy.runs import gather_runs
from essential_sparsity.tidy.spec import TidySpec

STAGE = "essential_sparsity.tidy"


def main() -> None:
    """Run the stage from the command line."""
    parser = argparse.ArgumentParser(prog=f"python -m {STAGE}", description=__doc__)
    parser.add_argument("--spec", required=True, help="a TidySpec: JSON, or a file that holds it")
    parser.add_argument("--output", required=True, type=Path, help="folder for the tables")
    arguments = parser.parse_args()
    spec = TidySpec.read(arguments.spec)
    origin = provenance(STAGE, spec.document())
    runs = gather_runs(Path(), spec)
    with open_table(arguments.output / "predictions.parquet", predictions.SCHEMA, origin) as write:
        for table in predictions.read_predictions(Path(), runs):
            write(table)
    write_table(arguments.output / "runs.parquet", runs, origin)


if __name__ == "__main__":
    run_stage(main)
