"""The examples of `docs/artifacts.md`, run as printed."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from essential_sparsity.tidy.__main__ import STAGE
from project import ROOT

from .conftest import Write

_PAGE = (ROOT / "docs/artifacts.md").read_text(encoding="utf-8")
_TABLES = ("default/runs.parquet", "default/predictions.parquet")


def examples() -> list[str]:
    blocks = re.findall(r"```python\n(.*?)```", _PAGE, re.DOTALL)
    return [block for block in blocks if any(table in block for table in _TABLES)]


def test_there_is_one_for_pandas_and_one_for_duckdb() -> None:
    pandas, duckdb = examples()
    assert "import pandas" in pandas and len([line for line in pandas.splitlines() if line]) == 3
    assert "import duckdb" in duckdb


@pytest.mark.parametrize("library", ["pandas", "duckdb"])
def test_it_works_as_printed(
    library: str, write_run: Write, write_runs: Callable[..., None], tmp_path: Path
) -> None:
    rows = [
        write_run(task=task, seed=seed, sparsity=s, right=(1.0, 1.0, 0.0 if s else 1.0, 0.0))
        for task in ("topic", "pair")
        for seed in (1, 2)
        for s in (0.0, 0.5)
    ]
    write_runs(rows)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow")}
    spec = '{"study": "default", "experiments": ["drop"]}'
    arguments = [sys.executable, "-m", STAGE, "--spec", spec, "--output", "studies/default"]
    subprocess.run(arguments, cwd=tmp_path, env=environment, check=True)
    clone = tmp_path / "clone"
    clone.mkdir()
    (clone / "results").symlink_to(tmp_path)
    (code,) = [block for block in examples() if f"import {library}" in block]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=clone, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    # A quarter of the examples is lost at 50 %.
    assert re.search(r"0\.5\D+25\.0", done.stdout), done.stdout


def test_every_column_is_described() -> None:
    from essential_sparsity.tidy import predictions, runs

    section = _PAGE.split("## All runs of a study")[1].split("\n## ")[0]
    described = set(re.findall(r"`(\w+)`", section))
    assert {*runs.SCHEMA.names, *predictions.SCHEMA.names} <= described
