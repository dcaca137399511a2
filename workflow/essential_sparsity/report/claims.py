"""The report's table of the paper's claims, each with what was measured and the verdict."""

import re
from collections.abc import Sequence
from typing import Any

from essential_sparsity.claims.evaluation import measured_of, tolerance_of
from essential_sparsity.report.table import NONE, Cell, Column, Table

_MINUS = re.compile(r"(?<!\w)-(?=\d)")

# How a verdict looks; one of another name is shown without a mark.
_MARKS = {"holds": "yes", "does not": "no", "not resolved": "open", "not run": "none"}


def claims_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Return the table of claims, in the order in which they were evaluated."""
    columns = (
        Column("Claim", _claim),
        Column("Verdict", lambda row: Cell(row["verdict"], mark=_MARKS.get(row["verdict"], ""))),
        Column("Statement", lambda row: row["statement"], "prose"),
        Column("Paper", _paper, "", "What the paper says, and where"),
        Column(
            "Measured", _measured, "number", "With its interval, and the drop ε that counts as none"
        ),
        Column("Why", lambda row: _MINUS.sub("−", row["reason"]), "prose"),
        Column("Experiments", lambda row: ", ".join(row["experiments"])),
    )
    return Table.of("Claims of the paper and what was measured", columns, rows).condensed()


def _claim(row: dict[str, Any]) -> Cell:
    """Return the claim's name, which sorts C2 before C10."""
    name = row["claim"]
    digits = "".join(filter(str.isdigit, name))
    key = f"{name.rstrip('0123456789')}{digits.zfill(4)}" if digits else name
    return Cell(name, key=key, notes=("own models",) if row["own"] else ())


def _paper(row: dict[str, Any]) -> Cell:
    """Return what the paper says, and below it where."""
    value, place = row["paper_value"], row["paper"]
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
