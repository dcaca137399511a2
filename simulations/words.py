"""Numbers in sentences: spans of them, and paragraphs that keep a number with its unit."""

import textwrap
from collections.abc import Iterable


def span(values: Iterable[float], form: str = "{:.1f}", unit: str = " %") -> str:
    """Return the least and the largest value, once if they look alike; a dash if there is none."""
    found = sorted(values)
    if not found:
        return "–"
    ends = [form.format(value) for value in (found[0], found[-1])]
    return " to ".join(dict.fromkeys(ends)) + unit


def wrap(text: str, bullet: str = "") -> str:
    """Return a paragraph, or an item of a list, in lines; a number and its % stay on one."""
    filled = textwrap.fill(
        " ".join(text.split()).replace(" %", "\0%"),
        100,
        initial_indent=bullet,
        subsequent_indent=" " * len(bullet),
        break_on_hyphens=False,
        break_long_words=False,
    )
    return filled.replace("\0", " ")
