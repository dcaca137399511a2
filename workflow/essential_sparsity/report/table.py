"""A table of the report: plain data, of which the page makes HTML."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal


@dataclass(frozen=True)
class Cell:
    """A cell: its text, what it is sorted by (the text if nothing else), and a mark for its style.

    `notes` are shorter texts below, each a line of its own. What has the key "" comes last.
    """

    text: str
    key: float | str | None = None
    mark: str = ""
    notes: tuple[str, ...] = ()


UNKNOWN = "unknown"
NONE = Cell("–", key="")


@dataclass(frozen=True)
class Column:
    """A column: its heading, what it shows of a row, its kind, and what it means in words.

    Numbers are aligned at the right, prose has room for several words a line.
    """

    heading: str
    show: Callable[[Any], Cell | str]
    kind: Literal["", "number", "prose"] = ""
    hint: str = ""

    def cell(self, row: Any) -> Cell:
        """Return what the column shows of a row."""
        shown = self.show(row)
        return shown if isinstance(shown, Cell) else Cell(shown)


@dataclass(frozen=True)
class Table:
    """A table with a caption; `sortable` where its rows may be read in any order."""

    caption: str
    columns: tuple[Column, ...]
    rows: Sequence[tuple[Cell, ...]]
    sortable: bool = True
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        caption: str,
        columns: Sequence[Column],
        rows: Iterable[Any],
        notes: Sequence[str] = (),
        sortable: bool = True,
    ) -> "Table":
        """Return the table that shows `rows`, each as the columns do."""
        cells = [tuple(column.cell(row) for column in columns) for row in rows]
        return cls(caption, tuple(columns), cells, sortable, tuple(notes))

    def condensed(self, *headings: str) -> "Table":
        """Return the table without columns that are empty.

        Columns called `headings` that are constant are said once below it.
        """
        kept: list[int] = []
        said: list[str] = []
        for index, column in enumerate(self.columns):
            cells = {(row[index].text, row[index].notes) for row in self.rows}
            if not cells - {("", ()), (NONE.text, ())}:
                continue
            if column.heading in headings and len(cells) == 1:
                said.append(f"{column.heading}: {self.rows[0][index].text}.")
            else:
                kept.append(index)
        return replace(
            self,
            columns=tuple(self.columns[index] for index in kept),
            rows=[tuple(row[index] for index in kept) for row in self.rows],
            notes=(*filter(None, [" ".join(said)]), *self.notes),
        )


def number(value: float | None, digits: int = 1, sign: bool = False) -> Cell:
    """Return a number with so many decimals, or a dash."""
    if value is None:
        return NONE
    return Cell(f"{value:{'+' if sign else ''}.{digits}f}".replace("-", "−"), key=value)


def count(value: int | None) -> Cell:
    """Return an integer with its thousands apart, or a dash."""
    return NONE if value is None else Cell(f"{value:,}".replace(",", " "), key=value)


def duration(seconds: float | None) -> Cell:
    """Return a time in the unit that it is read best in, or a dash."""
    if seconds is None:
        return NONE
    for limit, size, unit in ((60, 1, "s"), (5400, 60, "min"), (172800, 3600, "h")):
        if seconds < limit:
            return Cell(f"{seconds / size:.3g} {unit}", key=seconds)
    return Cell(f"{seconds / 86400:.3g} d", key=seconds)
