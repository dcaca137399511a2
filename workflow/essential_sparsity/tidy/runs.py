"""The table of all runs of a study: a row a run, whichever of its experiments use it."""

from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from essential_sparsity.checkpoints.manifest import load_manifest
from essential_sparsity.outcomes.columns import CURVE_COLUMNS, MASK_COLUMNS
from essential_sparsity.outcomes.groups import RUNS
from essential_sparsity.stages import paths
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.tables import origin_of, read_table
from essential_sparsity.tidy.spec import TidySpec

SCHEMA = pa.schema(
    [
        *CURVE_COLUMNS,
        *MASK_COLUMNS,
        ("seed", pa.int64()),
        ("control_of", pa.string()),
        ("metric", pa.string()),
        ("score", pa.float64()),
        ("drop", pa.float64()),
        ("loss", pa.float64()),
        ("examples", pa.int64()),
        ("failure", pa.string()),
        ("seconds", pa.float64()),
        ("device", pa.string()),
        ("precision", pa.string()),
        ("checkpoint_sha256", pa.string()),
        ("checkpoint_revision", pa.string()),
        ("experiments", pa.list_(pa.string())),
        ("run", pa.string()),
    ]
)

_MACHINE = ("device", "precision")

Row = dict[str, Any]


def gather_runs(root: Path, spec: TidySpec) -> pa.Table:
    """Gather the runs of all experiments from their tables `runs` below `root`.

    Scores and drops are in points. A drop is from the dense run of the same model, task, recipe and
    seed; a control's is from its base model's. `mask` is the run's own as in the path, also where a
    curve's masks, those that are found by training, have one name for all seeds.
    """
    rows = _distinct_rows(root, spec)
    dense = {
        (row["model"], *_place(row)): row["score"] for row in rows if row["criterion"] == "dense"
    }
    revision = cache(lambda model: _revision_of(root, model))
    for row in rows:
        partner = dense.get((row["control_of"] or row["model"], *_place(row)))
        row["drop"] = None if partner is None else partner - row["score"]
        row |= _told_by_run(root, row["run"])
        sha256, known = revision(row["model"])
        row["checkpoint_revision"] = known if sha256 == row["checkpoint_sha256"] else None
    return pa.Table.from_pylist(rows, SCHEMA)


def _place(row: Row) -> tuple[Any, ...]:
    return row["task"], row["recipe"], row["seed"]


def _distinct_rows(root: Path, spec: TidySpec) -> list[Row]:
    """Return each run once, as the first experiment names it, with all experiments that use it.

    A random start that some experiment looks at for its own sake is no control there.
    """
    found: dict[str, Row] = {}
    for experiment in spec.experiments:
        path = root / paths.TABLE.format(study=spec.study, experiment=experiment, table="runs")
        for row in read_table(path, set(RUNS.names)).to_pylist():
            first = found.setdefault(row["run"], {**row, "experiments": []})
            first["control_of"] = first["control_of"] and row["control_of"]
            if experiment not in first["experiments"]:
                first["experiments"].append(experiment)
    return list(found.values())


def _told_by_run(root: Path, run: str) -> Row:
    """Return what the run's own table says of mask, machine and checkpoint."""
    path = root / run / Path(paths.METRICS).name
    table = read_table(path, {"mask", *_MACHINE})
    if table.num_rows == 0:
        raise UserError(f"{path}: has no evaluation; delete the run's folder and run again")
    return {
        **{key: table[key][-1].as_py() for key in ("mask", *_MACHINE)},
        "checkpoint_sha256": origin_of(table).get("inputs", {}).get("checkpoint"),
    }


def _revision_of(root: Path, model: str) -> tuple[str | None, str | None]:
    """Return the identity of the model's checkpoint and the commit it came from, if that is known.

    A folder of results without checkpoints still has its runs.
    """
    if not (root / paths.CHECKPOINT_MANIFEST.format(model=model)).exists():
        return None, None
    manifest = load_manifest(root / paths.CHECKPOINT.format(model=model), verify=False)
    return manifest.sha256, manifest.source.get("commit")
