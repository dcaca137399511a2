"""The report's tables of differences between kinds of masks, and of what either costs."""

from collections.abc import Sequence
from typing import Any

from essential_sparsity.report.spec import ReportSpec
from essential_sparsity.report.table import (
    Cell,
    Column,
    Table,
    condensed,
    count,
    duration,
    interval,
    number,
)

DIFFERENCE_COLUMNS = {
    *("model", "task", "label", "baseline_label", "sparsity", "seeds", "score", "baseline_score"),
    *("difference", "difference_low", "difference_high", "confidence"),
}
COST_COLUMNS = {
    *("model", "task", "label", "sparsity", "mask_jobs", "mask_seconds", "mask_cpu_seconds"),
    "run_seconds",
}

Row = dict[str, Any]


def difference_table(rows: Sequence[Row], spec: ReportSpec) -> Table:
    """Return a row a mask with a partner among the baseline's masks."""
    level = f"{100 * rows[0]['confidence']:g} %" if rows else "95 %"
    base = rows[0]["baseline_label"] if rows else "the baseline"
    columns = (
        Column("Model"),
        Column("Task"),
        Column("Masks"),
        Column("Sparsity, %", "number"),
        Column("Score", "number"),
        Column("Baseline", "number", base),
        Column("Difference", "number", "Points; above 0 the masks are better than the baseline's"),
        Column(f"{level} interval", "number"),
        Column("Seeds", "number"),
    )
    cells = [
        (
            *_names(row, spec),
            _sparsity(row),
            number(row["score"]),
            number(row["baseline_score"]),
            number(row["difference"], sign=True),
            interval(row["difference_low"], row["difference_high"], sign=True),
            number(row["seeds"], 0),
        )
        for row in rows
    ]
    return condensed(Table(f"Score less that of {base}", columns, cells), "Masks")


def cost_table(rows: Sequence[Row], spec: ReportSpec) -> Table:
    """Return a row a mask: means over seeds of what finding it and fine-tuning under it took."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        place = (row["model"], row["task"], row["label"], row["sparsity"])
        groups.setdefault(place, []).append(row)
    columns = (
        Column("Model"),
        Column("Task"),
        Column("Masks"),
        Column("Sparsity, %", "number"),
        Column("Jobs", "number", "That led to the mask"),
        Column("To find the mask", "number"),
        Column("CPU", "number"),
        Column("To fine-tune", "number"),
    )
    cells = [
        (
            *_names(found[0], spec),
            _sparsity(found[0]),
            count(found[0]["mask_jobs"]),
            *(duration(_mean(found, key)) for key in ("mask_seconds", "mask_cpu_seconds")),
            duration(_mean(found, "run_seconds")),
        )
        for found in groups.values()
    ]
    note = "Times but for “CPU” are by the clock, which other work on the machine lengthens."
    return Table("What masks cost, means over seeds", columns, cells, notes=(note,))


def _names(row: Row, spec: ReportSpec) -> tuple[Cell, ...]:
    names = (spec.model_label(row["model"]), spec.task_label(row["task"]), row["label"])
    return tuple(map(Cell, names))


def _sparsity(row: Row) -> Cell:
    return Cell(f"{100 * row['sparsity']:.3g}", key=row["sparsity"])


def _mean(rows: Sequence[Row], key: str) -> float | None:
    known = [row[key] for row in rows if row[key] is not None]
    return sum(known) / len(known) if known else None
