"""The scores of finished runs, read from disk, checked against each other and lined up in pairs."""

from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat
from numpy.typing import NDArray

from essential_sparsity.estimators.spread import Floats
from essential_sparsity.metrics import METRICS
from essential_sparsity.metrics.metric import Metric
from essential_sparsity.outcomes.columns import RUN_COLUMNS
from essential_sparsity.stages import paths
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.tables import read_table
from essential_sparsity.support.validation import unknown

_METRICS = {
    *(name for name, _ in RUN_COLUMNS),
    *("metric", "score", "loss", "examples", "seconds", "last", "failure"),
}
_EXAMPLES = ["id", "label"]

# In points: far below one example of any evaluation set, far above the error of a float64 mean.
_AGREEMENT = 1e-3


@dataclass(frozen=True)
class Clusters:
    """Which examples belong together, and are no independent evidence.

    `names` (examples,) are equal within a cluster; `unit` is what clusters are called, "passages".
    """

    names: NDArray[np.object_]
    unit: str


@dataclass(frozen=True)
class Run:
    """One run's last evaluation.

    `path` is that of its predictions; `metrics` is the row of `metrics.parquet`; `examples` are
    their ids and labels, sorted by id; `parts` (examples, parts) are those of `metric`; `clusters`
    is None where each example is by itself.
    """

    path: Path
    metrics: dict[str, Any]
    examples: pa.Table
    parts: Floats
    clusters: Clusters | None = None

    @property
    def metric(self) -> Metric:
        """The metric of `parts`."""
        return METRICS[self.metrics["metric"]]

    @property
    def replicate(self) -> int | None:
        """See `replicate_of`."""
        return replicate_of(self.metrics)


def replicate_of(metrics: dict[str, Any]) -> int | None:
    """Return what is drawn anew for a run: its seed, or `replicate` where the row has that column.

    None where nothing is, as where a model is evaluated without training.
    """
    found: int | None = metrics.get("replicate", metrics["seed"])
    return found


def read_metrics(root: Path, file: str) -> dict[str, Any]:
    """Return the last row of a run's `metrics.parquet` below `root`, with its folder as `run`."""
    path = root / file
    rows = [row for row in read_table(path, _METRICS).to_pylist() if row["last"]]
    if len(rows) != 1:
        raise UserError(f"{path}: last: {len(rows)} rows are the last evaluation, not one")
    row: dict[str, Any] = {**rows[0], "run": str(PurePath(file).parent)}
    if paths.RUN.format(**row) != row["run"]:
        raise UserError(
            f"{path}: is of {paths.RUN.format(**row)}, which is not what its path says; {_REMEDY}"
        )
    if row["metric"] not in METRICS:
        raise UserError(unknown(str(path), "metric", row["metric"], METRICS, "metric"))
    # Training that diverged has a score, that of a constant answer, and no loss.
    for key in ("score",) if row["failure"] else ("score", "loss"):
        if row[key] is None or not np.isfinite(row[key]):
            raise UserError(f"{path}: {key}: {row[key]} is not a finite number; {_REMEDY}")
    return row


def load_run(root: Path, metrics: dict[str, Any], wanted: str = "") -> Run:
    """Load the predictions of a run, of which `read_metrics` has read the metrics.

    Its score is that of the metric that is `wanted` (else that it was scored by when it was made),
    and of the metric as it is now: where it was another one, the predictions are scored anew.
    """
    path = root / metrics["run"] / PurePath(paths.PREDICTIONS).name
    metrics_path = root / metrics["run"] / PurePath(paths.METRICS).name
    made = metrics["metric"], metrics.get("metric_version", 1)
    metric = METRICS[wanted or metrics["metric"]]
    columns = {*_EXAMPLES, *metric.columns}
    table = read_table(path, columns)
    known = columns.union({"cluster"}.intersection(table.column_names))
    table = table.select(sorted(known)).sort_by("id")
    for column in metric.columns:
        _check_numbers(path, table, column)
    if pc.count_distinct(table["id"]).as_py() < len(table):
        raise UserError(f"{path}: id: an example is there more than once; {_REMEDY}")
    if len(table) != metrics["examples"] or len(table) == 0:
        raise UserError(
            f"{path}: {len(table)} examples, but {metrics_path} counts {metrics['examples']}; "
            f"{_REMEDY}"
        )
    parts = metric.parts(table)
    score = float(metric.combine(parts.mean(axis=0)))
    if made != (metric.name, metric.version):
        if metrics["failure"]:
            raise UserError(
                f"{path}: its training diverged, and its answers are those that score best by "
                f"{made[0]}, version {made[1]}, not by {metric.name}, version {metric.version}; "
                f"{_REMEDY}"
            )
        metrics = {**metrics, "metric": metric.name, "score": score}
    elif abs(score - metrics["score"]) > _AGREEMENT:
        raise UserError(
            f"{path}: the predictions' score is {score:.4f} {metric.unit}, but {metrics_path} "
            f"says {metrics['score']:.4f} {metric.unit}; {_REMEDY}"
        )
    return Run(path, metrics, table.select(_EXAMPLES), parts, _clusters(table))


def _clusters(table: pa.Table) -> Clusters | None:
    """Return the clusters that predictions name; an example without one is by itself."""
    if "cluster" not in table.column_names:
        return None
    names = pc.coalesce(*(pc.cast(table[name], pa.string()) for name in ("cluster", "id")))
    about = table.schema.field("cluster").metadata or {}
    return Clusters(names.to_numpy(), about.get(b"unit", b"clusters").decode())


def _check_numbers(path: Path, table: pa.Table, column: str) -> None:
    found, rows = table[column], np.arange(len(table))
    if pat.is_list(found.type):
        rows, found = pc.list_parent_indices(found).to_numpy(), pc.list_flatten(found)
    if not (pat.is_integer(found.type) or pat.is_floating(found.type)):
        raise UserError(f"{path}: {column}: holds {found.type}, not numbers; {_REMEDY}")
    values = pc.cast(found, pa.float64()).to_numpy()
    if not np.isfinite(values).all():
        bad = int(np.flatnonzero(~np.isfinite(values))[0])
        raise UserError(
            f"{path}: {column}: {values[bad]} for '{table['id'][rows[bad]]}', not a finite number; "
            f"{_REMEDY}"
        )


def check_paired(runs: list[Run]) -> None:
    """Check that all runs answered the same examples, with the same labels, by the same metric."""
    first = runs[0]
    for other in runs[1:]:
        if other.metric != first.metric:
            raise UserError(
                f"{other.path}: scored by '{other.metric.name}', but {first.path} by "
                f"'{first.metric.name}'; only runs of one metric can be paired; delete the older "
                "one and run again"
            )
        if not other.examples.equals(first.examples):
            raise UserError(
                f"{other.path}: its examples or their labels are not those of {first.path}; only "
                "runs on the same examples can be paired; delete the older one and run again"
            )


_REMEDY = "delete the run's folder and run the study again"
