"""Estimates in words: sparsities that lie off the ends of the grid, certificates, tolerances."""

from collections.abc import Mapping
from typing import Any, Literal

Censoring = Literal["", "above", "below"]

_SIGNS: dict[str, str] = {"": "", "above": "> ", "below": "< "}

UNCERTIFIED = "–"


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


def in_points(epsilon: float) -> str:
    """Return a tolerance in words.

    >>> in_points(1), in_points(0.5)
    ('1 point', '0.5 points')
    """
    return f"{epsilon:.3g} point{'' if epsilon == 1 else 's'}"


def format_essential(row: Mapping[str, Any]) -> str:
    """Return a row of `essential` as `52 % [44, 61]`, and without a number if it is not resolved.

    Off the grid's ends it is `> 90 % [85, > 90]`.

    Args:
        row: of `Curve.essential_rows`, or of the table `essential`.

    >>> import essential_sparsity as es, pandas
    >>> curve = es.curve_of(pandas.read_parquet("predictions.parquet"))
    >>> [es.format_essential(row) for row in curve.essential_rows()][:2]
    ['[< 40, 50.3] %', '[< 40, 49.6] %']
    """
    estimate, low, high = (
        in_percent(row[name], row[f"{name}_censored"]) for name in ("estimate", "low", "high")
    )
    return f"{estimate} % [{low}, {high}]" if row["resolved"] else f"[{low}, {high}] %"


def format_certified(row: Mapping[str, Any]) -> str:
    """Return a row's certificate as `40 %`, `≥ 90 %`, `none` or, where none can be had, a dash.

    Args:
        row: of `Curve.essential_rows`, or of the table `essential`.

    >>> import essential_sparsity as es, pandas
    >>> curve = es.curve_of(pandas.read_parquet("predictions.parquet"))
    >>> [es.format_certified(row) for row in curve.essential_rows()]
    ['none', '–', '40 %', 'none']
    """
    if row["certified"] is None:
        return UNCERTIFIED
    return certificate(row["certified"], row["certified_censored"], " %")
