"""The stage: from the tables of a study's experiments to the verdicts on the paper's claims."""

import argparse
from pathlib import Path

from essential_sparsity.claims.claim import ClaimsSpec
from essential_sparsity.claims.evaluation import evaluate_claims
from essential_sparsity.support.errors import run_stage
from essential_sparsity.support.tables import provenance, write_table

STAGE = "essential_sparsity.claims"


def main() -> None:
    """Run the stage from the command line."""
    parser = argparse.ArgumentParser(prog=f"python -m {STAGE}", description=__doc__)
    parser.add_argument("--spec", required=True, help="a ClaimsSpec: JSON, or a file that holds it")
    parser.add_argument("--study", required=True, type=Path, help="folder of the study's tables")
    parser.add_argument("--output", required=True, type=Path, help="the Parquet file to write")
    arguments = parser.parse_args()
    spec = ClaimsSpec.read(arguments.spec)
    origin = provenance(STAGE, spec.document())
    write_table(arguments.output, evaluate_claims(arguments.study, spec), origin)


if __name__ == "__main__":
    run_stage(main)
