"""Sparsities that lie off the ends of the grid that was run, and how they are written."""

from typing import Literal

Censoring = Literal["", "above", "below"]

_SIGNS: dict[str, str] = {"": "", "above": "> ", "below": "< "}


def in_percent(sparsity: float, censored: str | None) -> str:
    """Return a sparsity in percent; one beyond the grid's end as that end with a sign.

    >>> in_percent(0.525, ""), in_percent(0.9, "above")
    ('52.5', '> 90')
    """
    return f"{_SIGNS[censored or '']}{100 * sparsity:.3g}"
