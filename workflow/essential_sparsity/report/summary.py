"""The study in a few lines of plain text: what experiments found, and where the figures are."""

import argparse
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from essential_sparsity.claims.evaluation import summarize_claims
from essential_sparsity.estimators.certification import is_learnt
from essential_sparsity.estimators.words import (
    UNCERTIFIED,
    format_certified,
    format_essential,
    in_points,
)
from essential_sparsity.metrics import METRICS
from essential_sparsity.support.errors import run_stage
from essential_sparsity.support.files import write_text
from essential_sparsity.support.lines import WIDTH, cut, format_names
from essential_sparsity.support.tables import read_table

_UNRESOLVED = "*"
_UNLEARNT = "†"
_FAILED = "‡"
_COLUMNS = {
    *("model", "task", "label", "metric", "epsilon", "confidence", "seeds", "resolution"),
    "failed",
    *("dense_score", "dense_low", "dense_high", "constant", "resolved"),
    *("estimate", "low", "high"),
    *("estimate_censored", "low_censored", "high_censored"),
    *("main", "certified", "certified_censored", "certification_level", "uncertified_because"),
}
_DIFFERENCE = {
    *("model", "task", "family", "label", "baseline", "baseline_label", "sparsity", "seeds"),
    *("mask", "baseline_mask", "difference", "difference_low", "difference_high", "confidence"),
    "failed",
}
_COST = {"model", "task", "mask", "mask_seconds"}

Row = dict[str, Any]


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


def _section(experiment: str, curves: list[Row]) -> str:
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
            str(curve["seeds"] or "–"),
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


def _certificate_notes(curves: list[Row]) -> list[str]:
    notes = []
    if any(curve["certified"] is not None for curve in curves):
        level, epsilon = curves[0]["certification_level"], curves[0]["epsilon"]
        notes.append(
            f"certified: all tested sparsities up to there cost less than {in_points(epsilon)}, "
            f"with {100 * level:g} % confidence"
        )
    reasons = dict.fromkeys(curve["uncertified_because"] for curve in curves)
    return notes + [cut(f"{UNCERTIFIED} {reason}", WIDTH) for reason in reasons if reason]


def _marks(curve: Row) -> str:
    unresolved = "" if curve["resolved"] else _UNRESOLVED
    unlearnt = "" if is_learnt(curve["dense_low"], curve["constant"]) else _UNLEARNT
    return unresolved + unlearnt + (_FAILED if curve["failed"] else "")


def _format_dense(curve: Row) -> str:
    half = (curve["dense_high"] - curve["dense_low"]) / 2
    return f"{curve['dense_score']:.1f} ± {half:.1f} {METRICS[curve['metric']].unit}"


def summarize_differences(folder: Path) -> str:
    """Return the section of an experiment whose tables are in `folder`.

    A curve is a line with its differences at the lowest and the highest sparsity that both sides
    have; a family is a line with what its masks cost to find at the highest, where that is known.

    Raises:
        UserError: a table is missing or damaged.
    """
    rows = read_table(folder / "difference.parquet", _DIFFERENCE).to_pylist()
    costs = read_table(folder / "cost.parquet", _COST).to_pylist()
    curves: dict[tuple[str, ...], list[Row]] = {}
    for row in sorted(rows, key=lambda row: row["sparsity"]):
        curves.setdefault((row["model"], row["task"], row["label"]), []).append(row)
    lines = [["model", "task", "mask", "lowest sparsity", "highest sparsity", "seeds"]]
    for names, points in curves.items():
        ends = (_format_difference(points[0]), _format_difference(points[-1]))
        lines.append([*names, *ends, str(points[0]["seeds"] or "–")])
    labels = {row["label"] for row in rows}
    whose = ""
    if len(labels) == 1:
        whose = f" of {labels.pop()}"
        for line in lines:
            del line[2]
    title = f"{folder.name}: points{whose} over {rows[0]['baseline_label']}"
    title += f" [{100 * rows[0]['confidence']:g} % interval]"
    notes = []
    if failed := max(row["failed"] for row in rows):
        notes = _wrap(
            f"training of up to {failed} of the runs behind a difference diverged: they count as "
            "one answer to everything"
        )
    return "\n".join([*_wrap(title), *format_names(lines), *notes, *_prices(rows, costs)])


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ")


def _format_difference(row: Row) -> str:
    low, high = row["difference_low"], row["difference_high"]
    return f"{100 * row['sparsity']:.3g} %: {row['difference']:+.1f} [{low:+.1f}, {high:+.1f}]"


def _prices(rows: list[Row], costs: list[Row]) -> list[str]:
    """Return a line a family: how long finding a mask takes, and how many times the baseline's."""
    seconds: dict[tuple[str, str, str], list[float | None]] = {}
    for row in costs:
        place = row["model"], row["task"], row["mask"]
        seconds.setdefault(place, []).append(row["mask_seconds"])

    def mean(points: list[Row], mask: str) -> float | None:
        found = [s for row in points for s in seconds[row["model"], row["task"], row[mask]]]
        known = [value for value in found if value is not None]
        return sum(known) / len(known) if found and len(known) == len(found) else None

    lines = []
    for label in dict.fromkeys(row["label"] for row in rows):
        last = max(row["sparsity"] for row in rows if row["label"] == label)
        points = [row for row in rows if (row["label"], row["sparsity"]) == (label, last)]
        own, base = mean(points, "mask"), mean(points, "baseline_mask")
        if own is not None and base:
            lines += _wrap(
                f"finding a mask of {100 * last:.3g} %, by the clock: "
                f"{_format_time(own)} by {label}; "
                f"{_format_time(base)} by {points[0]['baseline_label']} "
                f"({_format_ratio(own / base)} times)"
            )
    return lines


def _format_time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.2g} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _format_ratio(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2g}"


def main() -> None:
    """Run the stage from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m essential_sparsity.report.summary", description=__doc__
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
