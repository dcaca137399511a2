"""Writes the report of a study: one HTML page that opens offline and holds everything it shows."""

import argparse
from pathlib import Path

from essential_sparsity.report.content import load_content
from essential_sparsity.report.page import render
from essential_sparsity.report.spec import ReportSpec
from essential_sparsity.support.errors import run_stage
from essential_sparsity.support.files import write_text


def main() -> None:
    """Run the stage from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m essential_sparsity.report", description=__doc__
    )
    parser.add_argument("--spec", required=True, help="a ReportSpec: JSON, or a file that holds it")
    parser.add_argument("--study", required=True, type=Path, help="the folder of the study")
    parser.add_argument("--provenance", type=Path, metavar="FILE", help="what was run")
    parser.add_argument("--claims", type=Path, metavar="FILE", help="the table of claims")
    parser.add_argument("--output", required=True, type=Path, metavar="FILE")
    arguments = parser.parse_args()
    content = load_content(
        arguments.study,
        ReportSpec.read(arguments.spec),
        provenance=arguments.provenance,
        claims_file=arguments.claims,
    )
    write_text(arguments.output, render(content))


if __name__ == "__main__":
    run_stage(main)
