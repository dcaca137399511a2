"""A study's folder, and its report as the stage writes it."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from essential_sparsity.report import __main__ as stage
from essential_sparsity.report.spec import ReportSpec
from essential_sparsity.support.errors import run_stage

from .written_study import spec, write_study

WriteReport = Callable[..., Path]


def write_report(folder: Path, made: ReportSpec, *, known: bool = True) -> Path:
    """Run the stage on a study's folder; `known`: with its provenance and claims."""
    output = folder / "report.html"
    arguments = ["--study", folder, "--output", output]
    if known:
        arguments += ["--provenance", folder / "provenance.json"]
        arguments += ["--claims", folder / "claims.parquet"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["report", "--spec", made.canonical(), *map(str, arguments)])
        run_stage(stage.main)
    return output


@pytest.fixture
def report(tmp_path: Path) -> WriteReport:
    """Return a function that writes a study and its report; keys are those of the spec."""

    def write(known: bool = True, claim: str = "It holds.", **more: Any) -> Path:
        return write_report(write_study(tmp_path / "study", claim), spec(**more), known=known)

    return write
