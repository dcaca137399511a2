"""Lines of plain text for people: aligned tables, and texts cut to a width."""

from collections.abc import Sequence
from itertools import zip_longest

WIDTH = 100
_LEAST = 6  # of a name: below, names of one study look alike, and a longer line is the lesser evil


def format_table(rows: Sequence[Sequence[str]], align: str = "<", gap: int = 2) -> list[str]:
    """Return the rows as lines of aligned columns.

    Args:
        rows: of equal length.
        align: `<` or `>` for each column from the left; columns beyond are flush right.
        gap: spaces between two columns.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    formats = [f"{sign}{width}" for sign, width in zip_longest(align, widths, fillvalue=">")]
    return [(" " * gap).join(map(format, row, formats)).rstrip() for row in rows]


def format_names(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines of aligned columns, the first two of them names.

    Names are cut where the lines would be longer than `WIDTH`.
    """
    gaps = 3 * (len(rows[0]) - 1)
    fixed = sum(max(map(len, column)) for column in list(zip(*rows, strict=True))[2:])
    room = max((WIDTH - gaps - fixed) // 2, _LEAST)
    rows = [[*(cut(cell, room) for cell in row[:2]), *row[2:]] for row in rows]
    return format_table(rows, "<" * len(rows[0]), gap=3)


def cut(text: str, width: int = WIDTH) -> str:
    """Return the text, shortened to `width` with an ellipsis where it is longer."""
    return text if len(text) <= width else text[: width - 1] + "…"
