"""Everything that the page shows of a study, read from its folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from essential_sparsity.claims.evaluation import SCHEMA as CLAIMS
from essential_sparsity.figures.kinds import FIGURE_KINDS, STUDY_KINDS
from essential_sparsity.report import essential, facts, results
from essential_sparsity.report.claims import claims_table
from essential_sparsity.report.figure import Figure, Link, load_figure
from essential_sparsity.report.spec import ExperimentRow, ReportSpec
from essential_sparsity.report.table import Table
from essential_sparsity.support.files import read_json
from essential_sparsity.support.tables import read_table

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Section:
    """An experiment: in words, its figure, and further tables."""

    experiment: ExperimentRow
    summary: str
    figure: Figure | None
    tables: Sequence[Table]
    details: Sequence[Table]


@dataclass(frozen=True)
class Content:
    """The content of the page."""

    spec: ReportSpec
    essential: Table | None
    figures: Sequence[Figure]
    tolerances: Table | None
    claims: Table | None
    sections: Sequence[Section]
    run: Sequence[Table]
    stages: Table
    facts: Sequence[tuple[str, str]]
    commit: str | None
    changed: bool
    commands: Sequence[tuple[str, str]]
    files: Sequence[Link]


def load_content(
    folder: Path,
    spec: ReportSpec,
    *,
    provenance: Path | None,
    claims_file: Path | None,
) -> Content:
    """Read all that exists of a study.

    Args:
        folder: of the study; an experiment's tables are in a folder of its name.
        spec: labels and words.
        provenance: what was run, or None where that is not known.
        claims_file: the table of claims, if there is one.

    Raises:
        UserError: a file is damaged or lacks a column.
    """
    known = read_json(provenance, "provenance") if provenance else {}
    curves = _read_all(folder, spec, "essential", essential.COLUMNS)
    sharpness = _read_all(folder, spec, "sharpness", {"model", "task", "recipe", "family", "shape"})
    code = known.get("code") or {}
    return Content(
        spec=spec,
        essential=essential.essential_table(curves, sharpness, spec) if curves else None,
        figures=_study_figures(folder, spec),
        tolerances=essential.tolerance_table(curves, spec),
        claims=(
            claims_table(read_table(claims_file, set(CLAIMS.names)).to_pylist())
            if claims_file
            else None
        ),
        sections=[_section(folder, e, spec) for e in spec.experiments],
        run=_run_tables(folder, spec, known),
        stages=facts.stages_table(known.get("stages") or []),
        facts=facts.list_facts(known),
        commit=code.get("commit"),
        changed=code.get("clean") is False,
        commands=_commands(spec),
        files=[
            Link(path.name, path.name)
            for path in sorted(folder.iterdir())
            if path.suffix in (".parquet", ".json", ".txt") and not path.name.startswith(".")
        ],
    )


def _run_tables(folder: Path, spec: ReportSpec, known: Mapping[str, Any]) -> list[Table]:
    tables = [facts.experiments_table(spec), facts.models_table(spec, known.get("models") or {})]
    if spec.tasks:
        tables += [facts.tasks_table(spec, known.get("tasks") or {}), facts.recipes_table(spec)]
    runs = chain.from_iterable(_read_all(folder, spec, "runs", results.FAILURE_COLUMNS).values())
    failed = results.failures_table(runs, spec)
    return [failed, *tables] if failed else tables


def _section(folder: Path, experiment: ExperimentRow, spec: ReportSpec) -> Section:
    own = folder / experiment.name
    searched = results.search_table(own, spec)
    tables = [searched] if searched else []
    details = []
    if rows := _read(own / "difference.parquet", results.DIFFERENCE_COLUMNS):
        tables.append(results.difference_table(rows, spec))
    if rows := _read(own / "cost.parquet", results.COST_COLUMNS):
        details.append(results.cost_table(rows, spec))
    kind = FIGURE_KINDS[experiment.figure]
    files = [f"{experiment.name}/{table}.parquet" for table in kind.tables]
    figure = load_figure(folder, experiment.name, kind, files)
    return Section(experiment, _summary(experiment, spec), figure, tables, details)


def _study_figures(folder: Path, spec: ReportSpec) -> list[Figure]:
    """Return the figures of the study as a whole that are there."""
    found = []
    for name, kind in STUDY_KINDS.items():
        files = [f"{e.name}/{table}.parquet" for table in kind.tables for e in spec.experiments]
        if figure := load_figure(folder, name, kind, files):
            found.append(figure)
    return found


def _summary(experiment: ExperimentRow, spec: ReportSpec) -> str:
    parts = [
        ", ".join(map(spec.model_label, experiment.models)),
        ", ".join(map(spec.task_label, experiment.tasks)),
        ("searched among " if experiment.searched else "") + "; ".join(experiment.masks),
    ]
    return " · ".join(filter(None, parts))


def _commands(spec: ReportSpec) -> list[tuple[str, str]]:
    study = "" if spec.files in ((), ("config.yaml",)) else f" STUDY={_quote(spec.files)}"
    return [
        (f"make study{study}", "runs the study, or what is missing of it, and writes this page"),
        (f"make figures{study}", "draws its figures and this page again from its tables alone"),
    ]


def _quote(files: Sequence[str]) -> str:
    text = " ".join(files)
    return f'"{text}"' if " " in text else text


def _read_all(folder: Path, spec: ReportSpec, name: str, columns: set[str]) -> dict[str, Rows]:
    """Return experiment → rows of a table, for the experiments that have it."""
    found = {e.name: _read(folder / e.name / f"{name}.parquet", columns) for e in spec.experiments}
    return {experiment: rows for experiment, rows in found.items() if rows}


def _read(path: Path, columns: set[str]) -> Rows:
    return read_table(path, columns).to_pylist() if path.exists() else []
