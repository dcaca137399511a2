"""The page: what is there of a study, in one HTML file that needs no other."""

import base64
import hashlib
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from docutils.core import publish_parts
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from essential_sparsity.figures.kind import FigureKind
from essential_sparsity.figures.kinds import FIGURE_KINDS, STUDY_KINDS
from essential_sparsity.report import essential, facts, results
from essential_sparsity.report.spec import ExperimentRow, ReportSpec
from essential_sparsity.report.table import Table
from essential_sparsity.stages import paths
from essential_sparsity.support.credentials import redact
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import read_json
from essential_sparsity.support.tables import read_table

_FOLDER = Path(__file__).parent / "page"

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

Rows = list[dict[str, Any]]


def render_page(
    folder: Path, spec: ReportSpec, provenance: Path | None, claims: Path | None
) -> str:
    """Return the page of all that exists of a study.

    Every text is escaped, and redacted, on its way in. The page's policy lets it load nothing and
    run no script but its own, whatever a text may hold.
    """
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    style, script = (
        (_FOLDER / name).read_text(encoding="utf-8") for name in ("page.css", "page.js")
    )
    known = read_json(provenance, "provenance") if provenance else {}
    code = known.get("code") or {}
    curves = _all_rows(folder, spec, "essential", essential.COLUMNS)
    shapes = _all_rows(folder, spec, "sharpness", essential.SHAPE_COLUMNS)
    return environment.get_template("page.html").render(
        spec=spec,
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
        facts=facts.list_facts(known),
        essential=essential.essential_table(curves, shapes, spec) if curves else None,
        tolerances=essential.tolerance_table(curves, spec),
        figures=_study_figures(folder, spec),
        claims=results.claims_table(claims) if claims else None,
        experiments=[_experiment(folder, row, spec) for row in spec.experiments],
        run=_what_was_run(folder, spec, known),
        stages=facts.stages_table(known.get("stages") or []),
        commit=code.get("commit"),
        changed=code.get("clean") is False,
        commands=_commands(spec),
        files=[
            path.name
            for path in sorted(folder.iterdir())
            if path.suffix in (".parquet", ".json", ".txt") and not path.name.startswith(".")
        ],
    )


def _finalize(value: Any) -> Any:
    return value if isinstance(value, Markup) or not isinstance(value, str) else redact(value)


def _hash(text: str) -> Markup:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Markup(f"'sha256-{digest}'")


def _load_figure(
    folder: Path, name: str, kind: FigureKind, tables: Sequence[str]
) -> dict[str, Any] | None:
    """Return a figure with links to those of its tables that are there; None without a picture."""
    picture, *others = (_below(paths.FIGURE, name, format=end) for end in ("png", "parquet", "pdf"))
    if not (folder / picture).exists():
        return None
    content = (folder / picture).read_bytes()
    if content[:8] != _PNG or len(content) < 24:
        raise UserError(f"{folder / picture}: not a PNG; delete it and run the study again")
    width, height = struct.unpack(">II", content[16:24])
    links = {table: table for table in tables} | dict(zip(("as drawn", "PDF"), others, strict=True))
    return {
        "title": kind.title,
        "source": Markup(f"data:image/png;base64,{base64.b64encode(content).decode()}"),
        "width": round(width * _SHOWN),
        "height": round(height * _SHOWN),
        "wide": width > _WIDE,
        "caption": load_caption(kind.caption),
        "links": {text: path for text, path in links.items() if (folder / path).exists()},
    }


def load_caption(path: Path) -> Markup:
    """Return a caption as HTML; Snakemake's own report reads the same file."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; a caption was expected there") from None
    return Markup(publish_parts(text, writer="html5", settings_overrides=_STRICT)["body"])


def _study_figures(folder: Path, spec: ReportSpec) -> list[dict[str, Any]]:
    """Return the figures of the study as a whole that are there."""
    found = []
    for name, kind in STUDY_KINDS.items():
        tables = [
            _below(paths.TABLE, experiment.name, table=table)
            for table in kind.tables
            for experiment in spec.experiments
        ]
        if figure := _load_figure(folder, name, kind, tables):
            found.append(figure)
    return found


def _experiment(folder: Path, row: ExperimentRow, spec: ReportSpec) -> dict[str, Any]:
    """Return an experiment in words, with its figure and those of its tables that are there."""
    kind = FIGURE_KINDS[row.figure]
    behind = [_below(paths.TABLE, row.name, table=table) for table in kind.tables]
    difference = _rows(folder, row.name, "difference", results.DIFFERENCE_COLUMNS)
    cost = _rows(folder, row.name, "cost", results.COST_COLUMNS)
    summary = (
        ", ".join(map(spec.model_label, row.models)),
        ", ".join(map(spec.task_label, row.tasks)),
        ("searched among " if row.searched else "") + "; ".join(row.masks),
    )
    return {
        "name": row.name,
        "summary": " · ".join(filter(None, summary)),
        "figure": _load_figure(folder, row.name, kind, behind),
        "search": results.search_table(folder, _below(paths.SEARCH, row.name), spec),
        "difference": results.difference_table(difference, spec) if difference else None,
        "cost": results.cost_table(cost, spec) if cost else None,
    }


def _what_was_run(folder: Path, spec: ReportSpec, known: dict[str, Any]) -> list[Table]:
    found = _all_rows(folder, spec, "runs", results.FAILURE_COLUMNS)
    failed = results.failures_table([row for rows in found.values() for row in rows], spec)
    tables = [facts.experiments_table(spec), facts.models_table(spec, known.get("models") or {})]
    if spec.tasks:
        tables += [facts.tasks_table(spec, known.get("tasks") or {}), facts.recipes_table(spec)]
    return [failed, *tables] if failed else tables


def _commands(spec: ReportSpec) -> list[tuple[str, str]]:
    """Return commands, and what each does."""
    files = " ".join(spec.files)
    quoted = f'"{files}"' if " " in files else files
    study = "" if files in ("", "config.yaml") else f" STUDY={quoted}"
    return [
        (f"make study{study}", "runs the study, or what is missing of it, and writes this page"),
        (f"make figures{study}", "draws its figures and this page again from its tables alone"),
    ]


def _all_rows(folder: Path, spec: ReportSpec, table: str, columns: set[str]) -> dict[str, Rows]:
    """Return experiment → rows of a table, for the experiments that have it."""
    found = {e.name: _rows(folder, e.name, table, columns) for e in spec.experiments}
    return {experiment: rows for experiment, rows in found.items() if rows}


def _rows(folder: Path, experiment: str, table: str, columns: set[str]) -> Rows:
    path = folder / _below(paths.TABLE, experiment, table=table)
    return read_table(path, columns).to_pylist() if path.exists() else []


def _below(pattern: str, experiment: str, **names: str) -> str:
    """Return the path of an experiment's file, from the study's folder."""
    return pattern.removeprefix(f"{paths.STUDY}/").format(experiment=experiment, **names)
