"""The report's tables of results: differences, costs, searches, diverged runs, and claims."""

import re
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

from essential_sparsity.claims.evaluation import SCHEMA as CLAIMS
from essential_sparsity.claims.evaluation import measured_of, tolerance_of
from essential_sparsity.estimators.words import in_percent
from essential_sparsity.report.spec import ReportSpec
from essential_sparsity.report.table import NONE, Cell, Column, Table, count, duration, number
from essential_sparsity.runs.job import REMEDY
from essential_sparsity.search.rounds import Located, Seeds, load_last
from essential_sparsity.support.tables import read_table

DIFFERENCE_COLUMNS = {
    *("model", "task", "label", "baseline_label", "sparsity", "seeds", "score", "baseline_score"),
    *("difference", "difference_low", "difference_high", "confidence"),
}
COST_COLUMNS = {
    *("model", "task", "label", "sparsity", "mask_jobs", "mask_seconds", "mask_cpu_seconds"),
    "run_seconds",
}
FAILURE_COLUMNS = {"model", "task", "label", "sparsity", "seed", "failure", "run"}

Row = dict[str, Any]


def place_columns(spec: ReportSpec) -> tuple[Column, Column, Column]:
    """Return the columns of a row's model, task and masks."""
    return (
        Column("Model", lambda row: spec.model_label(row["model"])),
        Column("Task", lambda row: spec.task_label(row["task"])),
        Column("Masks", lambda row: row["label"]),
    )


def difference_table(rows: Sequence[Row], spec: ReportSpec) -> Table:
    """Return a row a mask with a partner among the baseline's masks."""
    level, base = f"{100 * rows[0]['confidence']:g} %", rows[0]["baseline_label"]
    sign = "Points; above 0 the masks are better than the baseline's"
    columns = (
        *place_columns(spec),
        Column("Sparsity, %", _sparsity, "number"),
        Column("Score", lambda row: number(row["score"]), "number"),
        Column("Baseline", lambda row: number(row["baseline_score"]), "number", base),
        Column("Difference", lambda row: number(row["difference"], sign=True), "number", sign),
        Column(f"{level} interval", _interval, "number"),
        Column("Seeds", lambda row: number(row["seeds"] or None, 0), "number"),
    )
    return Table.of(f"Score less that of {base}", columns, rows).condensed("Masks")


def _interval(row: Row) -> Cell:
    low, high = (number(row[f"difference_{end}"], sign=True).text for end in ("low", "high"))
    return Cell(f"[{low}, {high}]", key=row["difference_low"])


def cost_table(rows: Sequence[Row], spec: ReportSpec) -> Table:
    """Return a row a mask: means over seeds of what finding it and fine-tuning under it took."""
    place = itemgetter("model", "task", "label", "sparsity")
    places: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        places.setdefault(place(row), []).append(row)
    times = ("mask_seconds", "mask_cpu_seconds", "run_seconds")
    means = [
        found[0] | {time: _mean(row[time] for row in found) for time in times}
        for found in places.values()
    ]
    columns = (
        *place_columns(spec),
        Column("Sparsity, %", _sparsity, "number"),
        Column("Jobs", lambda row: count(row["mask_jobs"]), "number", "That led to the mask"),
        Column("To find the mask", lambda row: duration(row["mask_seconds"]), "number"),
        Column("CPU", lambda row: duration(row["mask_cpu_seconds"]), "number"),
        Column("To fine-tune", lambda row: duration(row["run_seconds"]), "number"),
    )
    note = "Times but for “CPU” are by the clock, which other work on the machine lengthens."
    return Table.of("What masks cost, means over seeds", columns, means, [note])


def _sparsity(row: Row) -> Cell:
    return Cell(f"{100 * row['sparsity']:.3g}", key=row["sparsity"])


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def failures_table(runs: Iterable[Row], spec: ReportSpec) -> Table | None:
    """Return a row a run that diverged, each once, with the reason; None where there is none."""
    failed = {row["run"]: row for row in runs if row["failure"] is not None}
    if not failed:
        return None

    def sparsity(row: Row) -> Cell:
        return number(None if row["sparsity"] is None else 100 * row["sparsity"])

    columns = (
        *place_columns(spec),
        Column("Sparsity, %", sparsity, "number"),
        Column("Seed", lambda row: number(row["seed"], 0), "number"),
        Column("Why", lambda row: row["failure"], "prose"),
    )
    note = (
        "Each counts as a constant answer, which is what it is worth, and none is left out. They "
        f"are not tried again; {REMEDY}."
    )
    return Table.of("Runs whose training diverged", columns, failed.values(), [note])


def search_table(study: Path, rounds: str, spec: ReportSpec) -> Table | None:
    """Return a row for each curve of a search whose rounds lie in a folder; None if it has none."""
    if not (study / rounds).is_dir():
        return None
    found = load_last(study, rounds)

    def runs(seeds_of: Mapping[str, Seeds]) -> Cell:
        return count(sum(map(len, seeds_of.values())))

    tried, certify = "To locate the crossing", "With seeds that the search has not seen"
    crossing = "Before the runs that certify"
    columns = (
        Column("Model", lambda curve: spec.model_label(curve.model)),
        Column("Task", lambda curve: spec.task_label(curve.task)),
        Column("Masks", lambda curve: curve.family),
        Column("Sparsities tried", lambda curve: count(len(curve.points)), "number", tried),
        Column("Runs to locate", lambda curve: runs(curve.points), "number"),
        Column("Runs to certify", lambda curve: runs(curve.certification), "number", certify),
        Column("Crossing, %", lambda curve: _located(curve.located), "number", crossing),
        Column("Why it ended", lambda curve: curve.reason, "prose"),
    )
    note = (
        "Crossing: as the search located it. The essential sparsity above uses all runs, those "
        "that certify included."
    )
    number_of = "1 round" if found.number == 1 else f"{found.number} rounds"
    caption = f"Adaptive search, {number_of}: sparse runs by curve"
    return Table.of(caption, columns, found.curves, [note]).condensed("Masks")


def _located(found: Located | None) -> Cell:
    if found is None:
        return NONE
    estimate, low, high = (
        in_percent(getattr(found, name), getattr(found, f"{name}_censored"))
        for name in ("estimate", "low", "high")
    )
    return Cell(estimate, key=found.estimate, notes=(f"[{low}, {high}]",))


_MINUS = re.compile(r"(?<!\w)-(?=\d)")

# How a verdict looks; one of another name is shown without a mark.
_MARKS = {"holds": "yes", "does not": "no", "not resolved": "open", "not run": "none"}


def claims_table(file: Path) -> Table:
    """Return the table of claims, in the order in which they were evaluated."""
    rows = read_table(file, set(CLAIMS.names)).to_pylist()
    measured = "With its interval, and the drop ε that counts as none"
    columns = (
        Column("Claim", _claim),
        Column("Verdict", lambda row: Cell(row["verdict"], mark=_MARKS.get(row["verdict"], ""))),
        Column("Statement", lambda row: row["statement"], "prose"),
        Column("Paper", _paper, hint="What the paper says, and where"),
        Column("Measured", _measured, "number", measured),
        Column("Why", lambda row: _MINUS.sub("−", row["reason"]), "prose"),
        Column("Experiments", lambda row: ", ".join(row["experiments"])),
    )
    return Table.of("Claims of the paper and what was measured", columns, rows).condensed()


def _claim(row: Row) -> Cell:
    """Return the claim's name, which sorts C2 before C10."""
    name = row["claim"]
    digits = "".join(filter(str.isdigit, name))
    key = f"{name.rstrip('0123456789')}{digits.zfill(4)}" if digits else name
    return Cell(name, key=key, notes=("own models",) if row["own"] else ())


def _paper(row: Row) -> Cell:
    """Return what the paper says, and below it where."""
    value, place = row["paper_value"], row["paper"]
    return Cell(value or place, notes=(place,) if value else ())


def _measured(row: Row) -> Cell:
    interval = measured_of(row)
    if interval is None:
        return NONE
    value, bounds = (
        text.replace("-", "−") for text in (interval.say_value(), interval.say_bounds())
    )
    notes = tuple(filter(None, (bounds, tolerance_of(row))))
    return Cell(f"{value} {row['unit']}".rstrip(), key=row["measured"], notes=notes)
