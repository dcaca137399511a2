"""Runs and the tables that list them, as the stages before leave them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from essential_sparsity.outcomes.groups import RUNS
from essential_sparsity.stages import paths
from essential_sparsity.support.tables import write_table

CHECKPOINT = {"model.safetensors": "0" * 64}

Write = Callable[..., dict[str, Any]]


@pytest.fixture
def write_run(tmp_path: Path) -> Write:
    """Return a function that writes a run below `tmp_path` and returns its row of `runs`.

    `family` is what the mask is called in tables, `mask` in paths; `right` has what each example
    scores, `predictions` other columns of the predictions.
    """

    def write(
        *,
        model: str = "bert",
        task: str = "rte",
        sparsity: float = 0.0,
        seed: int = 1,
        right: tuple[float | None, ...] = (1.0, 1.0, 0.0),
        mask: str | None = None,
        checkpoint: str | None = "c0ffee",
        predictions: dict[str, Any] | None = None,
        **row: Any,
    ) -> dict[str, Any]:
        family = "magnitude-global" if sparsity else "dense"
        name = f"{family}-s{sparsity:.2f}" if sparsity else "dense"
        identity = dict(model=model, task=task, recipe="quick-1", mask=mask or name, seed=seed)
        score = 100 * sum(value or 0.0 for value in right) / len(right)
        measured = {"metric": "accuracy", "score": score, "loss": 0.5, "examples": len(right),
                    "failure": None, "seconds": 3.0}  # fmt: skip
        last = {**identity, **measured, "device": "cpu", "precision": "fp32", "last": True}
        earlier = {**last, "score": 0.0, "device": "none", "last": False}
        origin = {"inputs": {"checkpoint": checkpoint}}
        path = tmp_path / paths.METRICS.format(**identity)
        write_table(path, pa.Table.from_pylist([earlier, last]), origin)
        columns = {
            "id": [f"e{index}" for index in range(len(right))],
            "label": [index % 2 for index in range(len(right))],
            "prediction": [
                index % 2 if value else 1 - index % 2 for index, value in enumerate(right)
            ],
            "score": pa.array(right, pa.float64()),
            **(predictions or {}),
        }
        pq.write_table(pa.table(columns), tmp_path / paths.PREDICTIONS.format(**identity))
        of_mask = {"mask": name, "family": family, "label": family, "scope": "global",
                   "criterion": family.split("-")[0], "pattern": None,
                   "sparsity": sparsity}  # fmt: skip
        return {**identity, **measured, **of_mask, "control_of": None,
                "run": paths.RUN.format(**identity), **row}  # fmt: skip

    return write


@pytest.fixture
def write_runs(tmp_path: Path) -> Callable[..., None]:
    """Return a function that writes an experiment's table `runs`."""

    def write(rows: list[dict[str, Any]], experiment: str = "drop", study: str = "default") -> None:
        path = tmp_path / paths.TABLE.format(study=study, experiment=experiment, table="runs")
        write_table(path, pa.Table.from_pylist(rows, RUNS), {})

    return write


@pytest.fixture
def write_checkpoint(tmp_path: Path) -> Callable[..., str]:
    """Return a function that writes a model's `checkpoint.json` and returns its identity."""

    def write(model: str, source: dict[str, Any]) -> str:
        from essential_sparsity.checkpoints.manifest import load_manifest

        matrix = {"name": "q", "shape": [2, 2], "dtype": "F32", "file": "model.safetensors",
                  "layer": 0, "module": "query", "part": "attention"}  # fmt: skip
        document = {
            "format_version": 1, "architecture": "bert", "source": source, "files": CHECKPOINT,
            "prunable": {"count": 4, "matrices": [matrix]}, "parameters": {"count": 9},
        }  # fmt: skip
        folder = tmp_path / paths.CHECKPOINT.format(model=model)
        folder.mkdir(parents=True)
        (folder / "checkpoint.json").write_text(json.dumps(document))
        return load_manifest(folder, verify=False).sha256

    return write
