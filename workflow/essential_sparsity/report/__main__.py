"""Writes the report of a study: one HTML page that opens offline and holds everything it shows."""

import argparse
from pathlib import Path

from essential_sparsity.report.page import render_page
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
    given = parser.parse_args()
    spec = ReportSpec.read(given.spec)
    write_text(given.output, render_page(given.study, spec, given.provenance, given.claims))


if __name__ == "__main__":
    run_stage(main)
