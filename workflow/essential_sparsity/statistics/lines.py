"""Lines of the summary: columns of equal width, and names cut to what there is room for."""

WIDTH = 100
_LEAST = 6  # of a name: below, names of one study look alike, and a longer line is the lesser evil


def align(rows: list[list[str]]) -> list[str]:
    """Return the rows with columns of equal width; names are cut where the lines grow too long.

    Names are the first two columns.
    """
    gaps = 3 * (len(rows[0]) - 1)
    fixed = sum(max(map(len, column)) for column in list(zip(*rows, strict=True))[2:])
    room = max((WIDTH - gaps - fixed) // 2, _LEAST)
    rows = [[*(cut(cell, room) for cell in row[:2]), *row[2:]] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def cut(text: str, width: int) -> str:
    """Return the text, shortened to `width` with an ellipsis where it is longer."""
    return text if len(text) <= width else text[: width - 1] + "…"
