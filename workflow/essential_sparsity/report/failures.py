"""The report's table of runs whose training diverged."""

from collections.abc import Iterable
from typing import Any

from essential_sparsity.report.spec import ReportSpec
from essential_sparsity.report.table import Cell, Column, Table, number
from essential_sparsity.runs.job import REMEDY

COLUMNS = {"model", "task", "label", "sparsity", "seed", "failure", "run"}

Row = dict[str, Any]


def failures_table(runs: Iterable[Row], spec: ReportSpec) -> Table | None:
    """Return a row a run that diverged, each once, with the reason; None where there is none."""
    failed = {row["run"]: row for row in runs if row["failure"] is not None}
    if not failed:
        return None
    columns = (
        Column("Model"),
        Column("Task"),
        Column("Masks"),
        Column("Sparsity, %", "number"),
        Column("Seed", "number"),
        Column("Why", "prose"),
    )
    cells = [
        (
            Cell(spec.model_label(row["model"])),
            Cell(spec.task_label(row["task"])),
            Cell(row["label"]),
            number(None if row["sparsity"] is None else 100 * row["sparsity"]),
            number(row["seed"], 0),
            Cell(row["failure"]),
        )
        for row in failed.values()
    ]
    note = (
        "They count as what they are worth, one answer to everything, and none is left out. They "
        f"are not tried again; {REMEDY}."
    )
    return Table("Runs whose training diverged", columns, cells, notes=(note,))
