"""The report's table of the paper's claims, each with what was measured and the verdict."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from essential_sparsity.claims.evaluation import measured_of, tolerance_of
from essential_sparsity.report.table import NONE, Cell, Column, Table, condensed

COLUMNS = {
    *(
        "claim",
        "statement",
        "paper",
        "paper_value",
        "measured",
        "measured_censored",
        "low",
        "high",
        "unit",
        "epsilon",
        "verdict",
        "reason",
    ),
    *("experiments", "own"),
}

_MINUS = re.compile(r"(?<!\w)-(?=\d)")

# How a verdict looks; one of another name is shown without a mark.
_MARKS = {"holds": "yes", "does not": "no", "not resolved": "open", "not run": "none"}


def claims_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Return the table of claims, in the order in which they were evaluated."""
    columns = (
        Column("Claim"),
        Column("Verdict"),
        Column("Statement", "prose"),
        Column("Paper", "", "What the paper says, and where"),
        Column("Measured", "number", "With its interval, and the drop ε that counts as none"),
        Column("Why", "prose"),
        Column("Experiments"),
    )
    table = Table(
        "Claims of the paper and what was measured", columns, [_cells(row) for row in rows]
    )
    return condensed(table)


def _cells(row: dict[str, Any]) -> tuple[Cell, ...]:
    own = ("own models",) if row["own"] else ()
    return (
        Cell(_text(row["claim"]), key=_natural(_text(row["claim"])), notes=own),
        Cell(_text(row["verdict"]), mark=_MARKS.get(_text(row["verdict"]), "")),
        Cell(_text(row["statement"])),
        _paper(row),
        _measured(row),
        Cell(_MINUS.sub("−", _text(row["reason"]))),
        Cell(_text(row["experiments"])),
    )


def _paper(row: dict[str, Any]) -> Cell:
    """Return what the paper says, and below it where."""
    value, place = _text(row["paper_value"]), _text(row["paper"])
    return Cell(value or place, notes=(place,) if value else ())


def _measured(row: dict[str, Any]) -> Cell:
    interval = measured_of(row)
    if interval is None:
        return NONE
    value, bounds = (
        text.replace("-", "−") for text in (interval.say_value(), interval.say_bounds())
    )
    notes = tuple(filter(None, (bounds, tolerance_of(row))))
    return Cell(f"{value} {row['unit']}".rstrip(), key=row["measured"], notes=notes)


def _text(value: str | Iterable[str] | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else ", ".join(value)


def _natural(text: str) -> str:
    """Return a key that puts C2 before C10."""
    digits = "".join(c for c in text if c.isdigit())
    return f"{text.rstrip('0123456789')}{digits.zfill(4)}" if digits else text
