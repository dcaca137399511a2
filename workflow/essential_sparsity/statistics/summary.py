"""The study in a few lines of plain text: what experiments found, and where the figures are."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from essential_sparsity.claims.evaluation import summarize_claims
from essential_sparsity.metrics import METRICS
from essential_sparsity.statistics.censoring import certificate, in_percent
from essential_sparsity.statistics.difference_summary import summarize_differences
from essential_sparsity.statistics.learning import is_learnt
from essential_sparsity.statistics.tolerance import in_points
from essential_sparsity.support.errors import run_stage
from essential_sparsity.support.files import write_text
from essential_sparsity.support.lines import WIDTH, cut, format_names
from essential_sparsity.support.tables import read_table

_UNRESOLVED = "*"
_UNLEARNT = "†"
_UNCERTIFIED = "–"
_FAILED = "‡"
_COLUMNS = {
    *("model", "task", "label", "metric", "epsilon", "confidence", "seeds", "resolution"),
    "failed",
    *("dense_score", "dense_low", "dense_high", "constant", "resolved"),
    *("estimate", "low", "high"),
    *("estimate_censored", "low_censored", "high_censored"),
    *("main", "certified", "certified_censored", "certification_level", "uncertified_because"),
}


def summarize(
    tables: Sequence[Path], figures: Sequence[str], root: str = "", claims: Path | None = None
) -> str:
    """Return the summary's text, lines of at most `WIDTH` characters but for longer paths.

    Args:
        tables: folders of experiments; those without `essential.parquet` or `difference.parquet`
            are passed over.
        figures: the figures' paths.
        root: put before every figure's path.
        claims: the table of verdicts on the paper's claims, if there is one.

    Raises:
        UserError: a table is damaged.
    """
    sections = []
    for folder in tables:
        path = folder / "essential.parquet"
        if path.exists():
            rows = read_table(path, _COLUMNS).to_pylist()
            if curves := [row for row in rows if row["main"]]:
                sections.append(_section(folder.name, curves))
        if (folder / "difference.parquet").exists():
            sections.append(summarize_differences(folder))
    if claims is not None and (verdicts := summarize_claims(claims)):
        sections.append(verdicts)
    if figures:
        sections.append("\n".join(["Figures", *(root + figure for figure in figures)]))
    return "\n\n".join(sections) + "\n"


def _section(experiment: str, curves: list[dict[str, Any]]) -> str:
    epsilon, level = curves[0]["epsilon"], curves[0]["confidence"]
    title = (
        f": essential sparsity, the largest that costs at most {in_points(epsilon)} "
        f"[{100 * level:g} % interval]"
    )
    lines = [cut(experiment, WIDTH - len(title)) + title]
    head = ["model", "task", "mask", "dense score", "essential sparsity", "certified", "seeds"]
    rows = [
        [
            curve["model"],
            curve["task"],
            curve["label"],
            _format_dense(curve),
            f"{format_essential(curve)} {_marks(curve)}".rstrip(),
            format_certified(curve),
            str(curve["seeds"]),
        ]
        for curve in curves
    ]
    if len({row[2] for row in rows}) == 1:
        for row in (head, *rows):
            del row[2]
    lines += format_names([head, *rows])
    lines += _certificate_notes(curves)
    if not all(METRICS[curve["metric"]].in_percent for curve in curves):
        lines.append("scores that are correlations are × 100, and their points hundredths")
    if wide := [curve["resolution"] for curve in curves if not curve["resolved"]]:
        lines.append(
            f"{_UNRESOLVED} not resolved: noise of up to ± {max(wide):.1f} points hides a drop of "
            f"{epsilon:g}; it takes more\n  seeds or a larger evaluation set"
        )
    if not all(is_learnt(curve["dense_low"], curve["constant"]) for curve in curves):
        lines.append(
            f"{_UNLEARNT} the dense model is no better than one and the same answer to "
            "everything:\n  the recipe does not learn this task, and its drops mean nothing"
        )
    if failed := max(curve["failed"] for curve in curves):
        lines.append(
            f"{_FAILED} training of up to {failed} of a curve's runs diverged: they count as one "
            "answer to everything"
        )
    return "\n".join(lines)


def _certificate_notes(curves: list[dict[str, Any]]) -> list[str]:
    notes = []
    if any(curve["certified"] is not None for curve in curves):
        level, epsilon = curves[0]["certification_level"], curves[0]["epsilon"]
        notes.append(
            f"certified: all tested sparsities up to there cost less than {in_points(epsilon)}, "
            f"with {100 * level:g} % confidence"
        )
    reasons = dict.fromkeys(curve["uncertified_because"] for curve in curves)
    return notes + [cut(f"{_UNCERTIFIED} {reason}") for reason in reasons if reason]


def _marks(curve: dict[str, Any]) -> str:
    unresolved = "" if curve["resolved"] else _UNRESOLVED
    unlearnt = "" if is_learnt(curve["dense_low"], curve["constant"]) else _UNLEARNT
    return unresolved + unlearnt + (_FAILED if curve["failed"] else "")


def _format_dense(curve: dict[str, Any]) -> str:
    half = (curve["dense_high"] - curve["dense_low"]) / 2
    return f"{curve['dense_score']:.1f} ± {half:.1f} {METRICS[curve['metric']].unit}"


def format_essential(curve: dict[str, Any]) -> str:
    """Return a row of `essential` as `52 % [44, 61]`, and without a number if it is not resolved.

    Off the grid's ends it is `> 90 % [85, > 90]`.
    """
    estimate, low, high = (
        in_percent(curve[name], curve[f"{name}_censored"]) for name in ("estimate", "low", "high")
    )
    return f"{estimate} % [{low}, {high}]" if curve["resolved"] else f"[{low}, {high}] %"


def format_certified(curve: dict[str, Any]) -> str:
    """Return a row's certificate as `40 %`, `≥ 90 %`, `none` or, where none can be had, a dash."""
    if curve["certified"] is None:
        return _UNCERTIFIED
    return certificate(curve["certified"], curve["certified_censored"], " %")


def main() -> None:
    """Run the stage from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m essential_sparsity.statistics.summary", description=__doc__
    )
    parser.add_argument("--tables", required=True, type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--claims", type=Path, metavar="FILE", help="the study's verdicts")
    parser.add_argument("--figures", nargs="*", default=[], metavar="FILE")
    parser.add_argument("--root", default="", help="put before every figure's path")
    parser.add_argument("--output", required=True, type=Path)
    arguments = parser.parse_args()
    text = summarize(arguments.tables, arguments.figures, arguments.root, arguments.claims)
    write_text(arguments.output, text)


if __name__ == "__main__":
    run_stage(main)
