"""What the summary says of a figure of differences: how much better, and at what price."""

import textwrap
from pathlib import Path
from typing import Any

from essential_sparsity.support.lines import WIDTH, format_names
from essential_sparsity.support.tables import read_table

_DIFFERENCE = {
    *("model", "task", "family", "label", "baseline", "baseline_label", "sparsity", "seeds"),
    *("mask", "baseline_mask", "difference", "difference_low", "difference_high", "confidence"),
    "failed",
}
_COST = {"model", "task", "mask", "mask_seconds"}

_Row = dict[str, Any]


def summarize_differences(folder: Path) -> str:
    """Return the section of an experiment whose tables are in `folder`.

    A curve is a line with its differences at the lowest and the highest sparsity that both sides
    have; a family is a line with what its masks cost to find at the highest, where that is known.

    Raises:
        UserError: a table is missing or damaged.
    """
    rows = read_table(folder / "difference.parquet", _DIFFERENCE).to_pylist()
    costs = read_table(folder / "cost.parquet", _COST).to_pylist()
    curves: dict[tuple[str, ...], list[_Row]] = {}
    for row in sorted(rows, key=lambda row: row["sparsity"]):
        curves.setdefault((row["model"], row["task"], row["label"]), []).append(row)
    lines = [["model", "task", "mask", "lowest sparsity", "highest sparsity", "seeds"]]
    for names, points in curves.items():
        ends = (_format(points[0]), _format(points[-1]))
        lines.append([*names, *ends, str(points[0]["seeds"])])
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


def _format(row: _Row) -> str:
    low, high = row["difference_low"], row["difference_high"]
    return f"{100 * row['sparsity']:.3g} %: {row['difference']:+.1f} [{low:+.1f}, {high:+.1f}]"


def _prices(rows: list[_Row], costs: list[_Row]) -> list[str]:
    """Return a line a family: how long finding a mask takes, and how many times the baseline's."""
    seconds: dict[tuple[str, str, str], list[float | None]] = {}
    for row in costs:
        place = row["model"], row["task"], row["mask"]
        seconds.setdefault(place, []).append(row["mask_seconds"])

    def mean(points: list[_Row], mask: str) -> float | None:
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
