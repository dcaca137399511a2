"""The report's table of an adaptive search: how many runs each curve took, and where it ended."""

from collections.abc import Mapping
from pathlib import Path, PurePath

from essential_sparsity.estimators.words import in_percent
from essential_sparsity.report.spec import ReportSpec
from essential_sparsity.report.table import NONE, Cell, Column, Table, condensed, count
from essential_sparsity.search.rounds import Located, Round, Seeds, Wanted, load_last
from essential_sparsity.stages import paths

_NOTE = (
    "Crossing: as the search saw it when it ended. The essential sparsity above is of all runs, "
    "those that certify included."
)

_FOLDER = PurePath(paths.SEARCH).name


def search_table(experiment: Path, spec: ReportSpec) -> Table | None:
    """Return a row a curve of the search whose rounds lie in an experiment's folder; None of none.

    Raises:
        UserError: a round is missing or damaged.
    """
    if not (experiment / _FOLDER).is_dir():
        return None
    found = load_last(experiment, _FOLDER)
    columns = (
        Column("Model"),
        Column("Task"),
        Column("Masks"),
        Column("Sparsities tried", "number", "To locate the crossing"),
        Column("Runs to locate", "number"),
        Column("Runs to certify", "number", "With seeds that the search has not seen"),
        Column("Crossing, %", "number", "Before the runs that certify"),
        Column("Why it ended", "prose"),
    )
    cells = [_cells(curve, spec) for curve in found.curves]
    table = Table(_caption(found), columns, cells, notes=(_NOTE,))
    return condensed(table, "Masks")


def _caption(found: Round) -> str:
    rounds = "1 round" if found.number == 1 else f"{found.number} rounds"
    return f"Adaptive search, {rounds}: sparse runs by curve"


def _cells(curve: Wanted, spec: ReportSpec) -> tuple[Cell, ...]:
    return (
        Cell(spec.model_label(curve.model)),
        Cell(spec.task_label(curve.task)),
        Cell(curve.family),
        count(len(curve.points)),
        count(_runs(curve.points)),
        count(_runs(curve.certification)),
        _located(curve.located) if curve.located else NONE,
        Cell(curve.reason),
    )


def _runs(seeds_of: Mapping[str, Seeds]) -> int:
    return sum(map(len, seeds_of.values()))


def _located(found: Located) -> Cell:
    estimate, low, high = (
        in_percent(getattr(found, name), getattr(found, f"{name}_censored"))
        for name in ("estimate", "low", "high")
    )
    return Cell(estimate, key=found.estimate, notes=(f"[{low}, {high}]",))
