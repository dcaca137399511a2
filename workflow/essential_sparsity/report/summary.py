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
from essential_sparsity.report.essential import COLUMNS, format_dense
from essential_sparsity.support.errors import run_stage
from essential_sparsity.support.files import write_text
from essential_sparsity.support.lines import WIDTH, cut, format_names
from essential_sparsity.support.tables import read_table

_UNRESOLVED = "*"
_UNLEARNT = "†"
_FAILED = "‡"
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
        figures: the figures' paths, `root` to be put before each.
        claims: the table of verdicts on the paper's claims, if there is one.
    """
    sections = []
    for folder in tables:
        path = folder / "essential.parquet"
        if path.exists():
            rows = read_table(path, COLUMNS).to_pylist()
            if curves := [row for row in rows if row["main"]]:
                sections.append(_summarize_curves(folder.name, curves))
        if (folder / "difference.parquet").exists():
            sections.append(summarize_differences(folder))
    if claims is not None and (verdicts := summarize_claims(claims)):
        sections.append(verdicts)
    if figures:
        sections.append("\n".join(["Figures", *(root + figure for figure in figures)]))
    return "\n\n".join(sections) + "\n"


def _summarize_curves(experiment: str, curves: list[Row]) -> str:
    epsilon, level = curves[0]["epsilon"], curves[0]["confidence"]
    title = (
        f": essential sparsity, the largest that costs at most {in_points(epsilon)} "
        f"[{100 * level:g} % interval]"
    )
    head = ["model", "task", "mask", "dense score", "essential sparsity", "certified", "seeds"]
    rows = [
        [
            *(curve[key] for key in ("model", "task", "label")),
            format_dense(curve),
            f"{format_essential(curve)} {_marks(curve)}".rstrip(),
            format_certified(curve),
            str(curve["seeds"] or "–"),
        ]
        for curve in curves
    ]
    lines = [cut(experiment, WIDTH - len(title)) + title, *_align(head, rows)]
    lines += _certificate_notes(curves)
    if not all(METRICS[curve["metric"]].in_percent for curve in curves):
        lines.append("scores that are correlations are × 100, and their points hundredths")
    if wide := [curve["resolution"] for curve in curves if not curve["resolved"]]:
        more = (
            "more\n  seeds or a larger"
            if any(curve["seeds"] for curve in curves)
            else "a\n  larger"
        )
        lines.append(
            f"{_UNRESOLVED} not resolved: noise of up to ± {max(wide):.1f} points hides a drop of "
            f"{epsilon:g}; it takes {more} evaluation set"
        )
    if not all(is_learnt(curve["dense_low"], curve["constant"]) for curve in curves):
        lines.append(
            f"{_UNLEARNT} the dense model is no better than a constant answer:\n"
            "  the recipe does not learn this task, and its drops mean nothing"
        )
    if failed := max(curve["failed"] for curve in curves):
        lines.append(
            f"{_FAILED} training of up to {failed} of a curve's runs diverged: they count as "
            "a constant answer"
        )
    return "\n".join(lines)


def _align(head: list[str], rows: list[list[str]]) -> list[str]:
    """Return aligned lines, without the third column, the masks, where these are of one family."""
    if len({row[2] for row in rows}) == 1:
        for row in (head, *rows):
            del row[2]
    return format_names([head, *rows])


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


def summarize_differences(folder: Path) -> str:
    """Return the section of an experiment whose tables are in `folder`.

    A curve is a line with its differences at the lowest and the highest sparsity that both sides
    have; a family is a line with what its masks cost to find at the highest, where that is known.
    """
    rows = read_table(folder / "difference.parquet", _DIFFERENCE).to_pylist()
    costs = read_table(folder / "cost.parquet", _COST).to_pylist()
    curves: dict[tuple[str, ...], list[Row]] = {}
    for row in sorted(rows, key=lambda row: row["sparsity"]):
        curves.setdefault((row["model"], row["task"], row["label"]), []).append(row)
    head = ["model", "task", "mask", "lowest sparsity", "highest sparsity", "seeds"]
    lines = [
        [*names, *map(_format_difference, (points[0], points[-1])), str(points[0]["seeds"] or "–")]
        for names, points in curves.items()
    ]
    labels = {row["label"] for row in rows}
    whose = f" of {labels.pop()}" if len(labels) == 1 else ""
    title = f"{folder.name}: points{whose} over {rows[0]['baseline_label']}"
    title += f" [{100 * rows[0]['confidence']:g} % interval]"
    notes = []
    if failed := max(row["failed"] for row in rows):
        notes = _wrap(
            f"training of up to {failed} of the runs behind a difference diverged: they count as "
            "a constant answer"
        )
    return "\n".join([*_wrap(title), *_align(head, lines), *notes, *_prices(rows, costs)])


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
            ratio = f"{own / base:,.0f}" if own / base >= 10 else f"{own / base:.2g}"
            lines += _wrap(
                f"finding a mask of {100 * last:.3g} %, by the clock: "
                f"{_format_time(own)} by {label}; "
                f"{_format_time(base)} by {points[0]['baseline_label']} ({ratio} times)"
            )
    return lines


def _format_time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.2g} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


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
    given = parser.parse_args()
    write_text(given.output, summarize(given.tables, given.figures, given.root, given.claims))


if __name__ == "__main__":
    run_stage(main)
