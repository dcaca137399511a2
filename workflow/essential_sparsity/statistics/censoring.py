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


def certificate(sparsity: float, censored: str | None, unit: str = "") -> str:
    """Return a certified sparsity, other than null, in percent; one of the whole grid as a bound.

    >>> certificate(0.4, ""), certificate(0.9, "above", " %"), certificate(0.0, "")
    ('40', '≥ 90 %', 'none')
    """
    if not sparsity:
        return "none"
    return f"{'≥ ' if censored else ''}{100 * sparsity:.3g}{unit}"
