"""What the summary says of claims: a line a verdict, those on a study's own models apart."""

from pathlib import Path
from typing import Any

from essential_sparsity.claims.evaluation import SCHEMA, measured_of, tolerance_of
from essential_sparsity.statistics.lines import WIDTH, cut
from essential_sparsity.support.tables import read_table

_Row = dict[str, Any]


def summarize_claims(path: Path) -> str:
    """Return the section, lines of at most `WIDTH` characters; empty if there is no verdict.

    Raises:
        UserError: the table is missing or damaged.
    """
    rows = read_table(path, set(SCHEMA.names)).to_pylist()
    rows = [row for row in rows if row["verdict"] != "not run"]
    titles = {
        False: "Claims of the paper",
        True: "Claims of the paper, asked of this study's own models: no verdicts on the paper",
    }
    sections = [
        [title, *_lines([row for row in rows if row["own"] == own])]
        for own, title in titles.items()
        if any(row["own"] == own for row in rows)
    ]
    return "\n\n".join("\n".join(lines) for lines in sections)


def _lines(rows: list[_Row]) -> list[str]:
    cells = [[row["claim"], row["verdict"], _measured(row)] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    starts = [
        "   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in cells
    ]
    return [
        f"{start}   {cut(row['statement'], WIDTH - len(start) - 3)}".rstrip()
        for start, row in zip(starts, rows, strict=True)
    ]


def _measured(row: _Row) -> str:
    interval = measured_of(row)
    if interval is None:
        return ""
    return ", ".join(filter(None, (interval.say(row["unit"]), tolerance_of(row))))
