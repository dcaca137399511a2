"""The scores of finished runs, read from disk, checked against each other and lined up in pairs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from essential_sparsity import paths
from essential_sparsity.errors import UserError
from essential_sparsity.statistics.bootstrap import Floats
from essential_sparsity.tables import read_table

_IDENTITY = ("model", "task", "recipe", "mask", "seed")
_METRICS = {*_IDENTITY, "score", "loss", "examples", "seconds", "last"}
_PREDICTIONS = {"id", "label", "score"}

# In points: far below one example of any evaluation set, far above the error of a float64 mean.
_AGREEMENT = 1e-3


@dataclass(frozen=True)
class Run:
    """One run's last evaluation.

    `path` is that of its predictions; `metrics` is the row of `metrics.parquet`; `examples` are
    their ids and labels, sorted by id; `scores` (examples,) are their shares of the metric, in
    points.
    """

    path: Path
    metrics: dict[str, Any]
    examples: pa.Table
    scores: Floats


def load_run(root: Path, **identity: str | int) -> Run:
    """Load the run of a model, task, recipe, mask and seed below `root`.

    Raises:
        UserError: a file is missing or damaged, belongs to another run, holds a score or loss that
            is not a finite number or an example twice, or the two files disagree.
    """
    metrics_path = root / paths.METRICS.format(**identity)
    metrics = _last_row(metrics_path, identity)
    path = root / paths.PREDICTIONS.format(**identity)
    table = read_table(path, _PREDICTIONS).select(sorted(_PREDICTIONS)).sort_by("id")
    scores = pc.cast(table["score"], pa.float64()).to_numpy()
    if not np.isfinite(scores).all():
        bad = int(np.flatnonzero(~np.isfinite(scores))[0])
        raise UserError(
            f"{path}: score: {scores[bad]} for '{table['id'][bad]}', not a finite number; {_REMEDY}"
        )
    if pc.count_distinct(table["id"]).as_py() < len(table):
        raise UserError(f"{path}: id: an example is there more than once; {_REMEDY}")
    if len(scores) != metrics["examples"] or len(scores) == 0:
        raise UserError(
            f"{path}: {len(scores)} examples, but {metrics_path} counts {metrics['examples']}; "
            f"{_REMEDY}"
        )
    if abs(100 * scores.mean() - metrics["score"]) > _AGREEMENT:
        raise UserError(
            f"{path}: score: the examples' mean is {100 * scores.mean():.4f} %, but "
            f"{metrics_path} says {metrics['score']:.4f} %; {_REMEDY}"
        )
    return Run(path, metrics, table.select(["id", "label"]), 100 * scores)


def _last_row(path: Path, identity: dict[str, str | int]) -> dict[str, Any]:
    table = read_table(path, _METRICS)
    rows = [row for row in table.to_pylist() if row["last"]]
    if len(rows) != 1:
        raise UserError(f"{path}: last: {len(rows)} rows are the last evaluation, not one")
    row: dict[str, Any] = rows[0]
    for key in _IDENTITY:
        if row[key] != identity[key]:
            raise UserError(f"{path}: {key}: {row[key]!r} is not what its path says; {_REMEDY}")
    for key in ("score", "loss"):
        if row[key] is None or not np.isfinite(row[key]):
            raise UserError(
                f"{path}: {key}: {row[key]} is not a finite number: the training diverged; "
                "lower the task's learning rate"
            )
    return row


def check_paired(runs: list[Run]) -> None:
    """Check that all runs answered the same examples, with the same labels.

    Raises:
        UserError: names the two files that differ.
    """
    first = runs[0]
    for other in runs[1:]:
        if not other.examples.equals(first.examples):
            raise UserError(
                f"{other.path}: its examples or their labels are not those of {first.path}; only "
                "runs on the same examples can be paired; delete the older one and run again"
            )


_REMEDY = "delete the run's folder and run the study again"
