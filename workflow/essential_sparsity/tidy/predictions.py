"""The table of all predictions of a study: a row an example of a run, a run at a time in memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from essential_sparsity.metrics import METRICS
from essential_sparsity.stages import paths
from essential_sparsity.support.tables import read_table

# Columns of few values: stored as indices into a list of them.
_FEW = pa.dictionary(pa.int32(), pa.string())
_OF_RUN = {
    "model": _FEW,
    "task": _FEW,
    "recipe": _FEW,
    "mask": _FEW,
    "family": _FEW,
    "sparsity": pa.float64(),
    "seed": pa.int64(),
}

SCHEMA = pa.schema(
    [
        *_OF_RUN.items(),
        ("id", _FEW),
        ("label", pa.float64()),
        ("prediction", pa.float64()),
        ("answers", pa.list_(pa.string())),
        ("answer", pa.string()),
        ("score", pa.float64()),
        ("cluster", _FEW),
    ]
)


def read_predictions(root: Path, runs: pa.Table) -> Iterator[pa.Table]:
    """Yield the predictions of every run of the table `runs` (see `runs.SCHEMA`), a table each.

    What an example scores is of the metric that the table names.

    Raises:
        UserError: a run's file is missing or damaged.
    """
    for run in runs.select([*_OF_RUN, "metric", "run"]).to_pylist():
        path = root / run["run"] / Path(paths.PREDICTIONS).name
        needed = {"id", "label", "prediction", *METRICS[run["metric"]].columns}
        yield _tidy(read_table(path, needed), run)


def _tidy(predictions: pa.Table, run: dict[str, Any]) -> pa.Table:
    """Return the columns of `SCHEMA`: numbers and texts each have columns of their own."""
    rows = predictions.num_rows
    are_texts = pat.is_string(predictions.schema.field("prediction").type)
    label, prediction = ("answers", "answer") if are_texts else ("label", "prediction")
    columns = {
        **{
            name: pa.repeat(pa.scalar(run[name], _plain(kind)), rows)
            for name, kind in _OF_RUN.items()
        },
        "id": predictions["id"],
        label: predictions["label"],
        prediction: predictions["prediction"],
        "score": METRICS[run["metric"]].shares(predictions),
    }
    if "cluster" in predictions.column_names:
        columns["cluster"] = predictions["cluster"]
    return pa.table(
        [
            pc.cast(columns[field.name], field.type)
            if field.name in columns
            else pa.nulls(rows, field.type)
            for field in SCHEMA
        ],
        schema=SCHEMA,
    )


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pat.is_dictionary(kind) else kind
