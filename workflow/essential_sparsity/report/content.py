"""Everything that the page shows of a study, figures included, read from its folder."""

import base64
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from docutils.core import publish_parts
from markupsafe import Markup

from essential_sparsity.claims.evaluation import SCHEMA as CLAIMS
from essential_sparsity.figures.kind import FigureKind
from essential_sparsity.figures.kinds import FIGURE_KINDS, STUDY_KINDS
from essential_sparsity.report import essential, facts, results
from essential_sparsity.report.results import claims_table
from essential_sparsity.report.spec import ExperimentRow, ReportSpec
from essential_sparsity.report.table import Table
from essential_sparsity.stages import paths
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import read_json
from essential_sparsity.support.tables import read_table

_PNG = b"\x89PNG\r\n\x1a\n"
# Pictures have 300 pixels an inch (`drawing.style`); a screen shows them larger than print.
_SHOWN = 0.4
# From this on a picture is too wide for a phone, and scrolls in its own box.
_WIDE = 1200

_STRICT = {
    "raw_enabled": False,
    "file_insertion_enabled": False,
    "report_level": 5,
    "_disable_config": True,
}


@dataclass(frozen=True)
class Link:
    """A file beside the report."""

    text: str
    target: str


@dataclass(frozen=True)
class Figure:
    """A figure.

    Attributes:
        title: what it shows, in a line.
        source: the picture as a `data:` address.
        width, height: in pixels of a screen.
        wide: whether a phone would show it too small.
        caption: paragraphs in HTML.
        data: the tables behind it, and the data as drawn.
    """

    title: str
    source: Markup
    width: int
    height: int
    wide: bool
    caption: Markup
    data: tuple[Link, ...]


def load_figure(folder: Path, name: str, kind: FigureKind, tables: Sequence[str]) -> Figure | None:
    """Load a figure; None if the picture is not there.

    Args:
        folder: of the study, to which links are relative.
        name: of the figure's files.
        kind: of figure.
        tables: paths of the tables behind it, from `folder`; those that are there are linked.

    Raises:
        UserError: the picture is no PNG, or there is no caption.
    """
    picture = folder / _file(name, "png")
    if not picture.exists():
        return None
    content = picture.read_bytes()
    if content[:8] != _PNG or len(content) < 24:
        raise UserError(f"{picture}: not a PNG; delete it and run the study again")
    width, height = struct.unpack(">II", content[16:24])
    links = [
        *(Link(table, table) for table in tables),
        Link("as drawn", _file(name, "parquet")),
        Link("PDF", _file(name, "pdf")),
    ]
    return Figure(
        title=kind.title,
        source=Markup(f"data:image/png;base64,{base64.b64encode(content).decode()}"),
        width=round(width * _SHOWN),
        height=round(height * _SHOWN),
        wide=width > _WIDE,
        caption=load_caption(kind.caption),
        data=tuple(link for link in links if (folder / link.target).exists()),
    )


def load_caption(path: Path) -> Markup:
    """Return a caption as HTML; Snakemake's own report reads the same file.

    Raises:
        UserError: it is not there.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; a caption was expected there") from None
    body = publish_parts(text, writer="html5", settings_overrides=_STRICT)["body"]
    return Markup(body)


def _file(name: str, end: str) -> str:
    """Return the path of a figure's file from the study's folder."""
    return paths.FIGURE.removeprefix(f"{paths.STUDY}/").format(experiment=name, format=end)


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
