"""Runs as the training stage leaves them, made from lists of right and wrong answers."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from essential_sparsity import paths

RECIPE = "quick-12345678"

WriteRun = Callable[..., Path]


@pytest.fixture
def write_run(tmp_path: Path) -> WriteRun:
    """Return a function that writes a run's two files below `tmp_path` and returns its folder.

    `metrics` and `predictions` change or add columns; a value of None drops one.
    """

    def write(
        scores: Sequence[float],
        *,
        model: str = "bert",
        task: str = "rte",
        mask: str = "dense",
        seed: int = 1,
        metrics: dict[str, Any] | None = None,
        predictions: dict[str, Any] | None = None,
    ) -> Path:
        identity = dict(model=model, task=task, recipe=RECIPE, mask=mask, seed=seed)
        row: dict[str, Any] = {
            **identity,
            "epoch": 2.0,
            "score": 100 * sum(scores) / len(scores),
            "loss": 0.5,
            "examples": len(scores),
            "seconds": 3.0,
            "last": True,
        }
        columns: dict[str, Any] = {
            "id": [f"e{index}" for index in range(len(scores))],
            "label": [index % 2 for index in range(len(scores))],
            "score": [float(score) for score in scores],
        }
        row.update(metrics or {})
        columns.update(predictions or {})
        # An earlier evaluation, which nothing may read.
        rows = [{**row, "last": False, "epoch": 1.0, "score": 0.0}, row]
        folder = tmp_path / paths.RUN.format(**identity)
        folder.mkdir(parents=True, exist_ok=True)
        kept = [{key: value for key, value in r.items() if value is not None} for r in rows]
        pq.write_table(pa.Table.from_pylist(kept), tmp_path / paths.METRICS.format(**identity))
        data = {key: value for key, value in columns.items() if value is not None}
        pq.write_table(pa.table(data), tmp_path / paths.PREDICTIONS.format(**identity))
        return folder

    return write
