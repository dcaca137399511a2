"""A test of how sharp turns are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from essential_sparsity.claims.claim_test import MaskTest
from essential_sparsity.claims.evidence import Evidence, Row
from essential_sparsity.claims.finding import Finding
from essential_sparsity.claims.intervals import Interval, normal_quantile

_UNIT = "% of the slope"


class Sharper(MaskTest):
    """Curves turn more sharply in the first role than in the second.

    A curve's sharpness is the share of the slope after its turn that was not there before it,
    1 − before / after: 1 where it was flat, 0 where nothing turns. Unlike slopes it has no scale,
    for tasks differ in how much there is to lose. Curves are the units: the roles' means are
    compared as Welch does, for unequal variances, with at least the variance that the curves' own
    intervals show. With a single curve on a side these are all there is, and the interval speaks of
    these very curves. Curves of one model or task vary together, which makes intervals too narrow
    rather than too wide.
    """

    table: ClassVar[str] = "sharpness"
    columns: ClassVar[frozenset[str]] = frozenset(
        [
            *("model", "task", "recipe", "family", "criterion", "scope", "seeds", "slope_after"),
            *("slope_ratio", "slope_ratio_low", "slope_ratio_high"),
        ]
    )
    key: ClassVar[tuple[str, ...]] = ("model", "task", "recipe", "family")
    roles: ClassVar[tuple[str, ...]] = ("first", "second")
    universal: ClassVar[bool] = False

    kind: Literal["sharper"]

    def evaluate(self, evidence: Evidence) -> Finding | None:
        """Decide whether the difference of the mean sharpnesses is above 0."""
        rows = [evidence.roles[role] for role in self.roles]
        if not all(rows):
            return None
        quantile = normal_quantile(evidence.confidence)
        usable = [[row for row in side if row["slope_ratio"] is not None] for side in rows]
        if not all(usable):
            return Finding("not resolved", "curves have too few points to tell how they turn")
        sides = [_Side.of(side, quantile) for side in usable]
        reach = math.sqrt(sum(side.variance for side in sides))
        reach *= _quantile(sides, quantile, evidence.confidence)
        value = sides[0].mean - sides[1].mean
        measured = Interval(value, value - reach, value + reach).scaled(100)
        after = (np.mean([row["slope_after"] for row in side]) for side in usable)
        reason = "; ".join(
            f"{who}: {100 * side.mean:.3g} % of {side.curves} curves' slope is new, which is "
            f"{slope:.3g} points a tenth of the weights"
            for who, side, slope in zip(self.roles, sides, after, strict=True)
        )
        return Finding.by_sign(reason, measured, _UNIT)


@dataclass(frozen=True)
class _Side:
    """A role's curves: how many, their mean sharpness, the mean's variance."""

    curves: int
    mean: float
    variance: float

    @classmethod
    def of(cls, rows: Sequence[Row], quantile: float) -> "_Side":
        values, low, high = (
            np.array([_sharpness(row[f"slope_ratio{end}"]) for row in rows])
            for end in ("", "_low", "_high")
        )
        own = float(np.square((high - low) / (2 * quantile)).mean())
        between = float(values.var(ddof=1)) if len(rows) > 1 else 0.0
        return cls(len(rows), float(values.mean()), max(own, between) / len(rows))


def _sharpness(ratio: float) -> float:
    """Return 1 − before / after; a curve that bends the other way does not turn at all."""
    return 1 - 1 / ratio if ratio > 1 else 0.0


def _quantile(sides: Sequence[_Side], normal: float, confidence: float) -> float:
    """Return Student's quantile at Welch's degrees of freedom; the normal's for single curves."""
    # A quarter of a second that the workflow, which reads the tests' specs alone, need not spend.
    from scipy.special import stdtrit

    if any(side.curves < 2 for side in sides):
        return normal
    total = sum(side.variance for side in sides)
    parts = sum(side.variance**2 / (side.curves - 1) for side in sides)
    if not parts:
        return normal
    return float(stdtrit(total**2 / parts, 1 - (1 - confidence) / 2))
