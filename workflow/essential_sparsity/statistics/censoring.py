"""Sparsities that lie off the ends of the grid that was run, and how they are written."""

from typing import Literal

Censoring = Literal["", "above", "below"]

_SIGNS: dict[str, str] = {"": "", "above": "> ", "below": "< "}


def in_percent(sparsity: float, censored: str | None) -> str:
    """Return a sparsity in percent; one beyond the grid's end as that end with a sign.

    >>> in_percent(0.525, ""), in_percent(0.9, "above")
    ('52.5', '> 90')
    """
    return signed(100 * sparsity, censored)


def signed(value: float, censored: str | None) -> str:
    """Return a value in any unit; one that is only known to lie beyond it, with a sign.

    >>> signed(-12.5, "below")
    '< -12.5'
    """
    return f"{_SIGNS[censored or '']}{value:.3g}"


def certificate(sparsity: float, censored: str | None, unit: str = "") -> str:
    """Return a certified sparsity, other than null, in percent; one of the whole grid as a bound.

    >>> certificate(0.4, ""), certificate(0.9, "above", " %"), certificate(0.0, "")
    ('40', '≥ 90 %', 'none')
    """
    if not sparsity:
        return "none"
    return f"{'≥ ' if censored else ''}{100 * sparsity:.3g}{unit}"
