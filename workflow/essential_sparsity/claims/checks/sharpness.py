"""A check of how sharp turns are."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from essential_sparsity.claims.check import (
    CURVE,
    Evidence,
    MaskCheck,
    Row,
    StudyFacts,
    grouped,
)
from essential_sparsity.claims.finding import Finding
from essential_sparsity.estimators.intervals import Interval, normal_quantile
from essential_sparsity.support.tables import read_table


class Sharper(MaskCheck):
    """Curves turn more sharply in the first role than in the second.

    A curve's sharpness is the share of the slope after its turn that was not there before it,
    1 − before / after: 1 where it was flat, 0 where nothing turns. Unlike slopes it has no scale,
    for tasks differ in how much there is to lose. Curves are the units: the roles' means are
    compared as Welch does, for unequal variances, with at least the variance that the curves' own
    intervals show. With a single curve on a side these are all there is, and the interval speaks of
    these very curves. Curves of one model or task vary together, which makes intervals too narrow
    rather than too wide.

    A curve that is still flat at its last sparsity has not turned yet: the two slopes are noise,
    whatever their ratio. So a curve counts if its last drop is above ε as a whole interval.
    """

    table = "sharpness"
    beside = ("drop",)
    key = CURVE
    columns = (
        *("criterion", "scope", "seeds", "slope_after"),
        *("slope_ratio", "slope_ratio_low", "slope_ratio_high"),
    )
    roles = ("first", "second")
    universal = False

    kind: Literal["sharper"]

    def tolerance(self, epsilon: float) -> float:
        """Return the study's ε, above which a curve has turned."""
        return epsilon

    def load(self, tables: Mapping[str, Path], study: StudyFacts) -> list[Row]:
        """Return the curves: has each `turned` by its last sparsity, was its turn `measured`?"""
        drops = read_table(tables["drop"], {*CURVE, "sparsity", "drop_low"})
        in_order = sorted(drops.to_pylist(), key=lambda row: row["sparsity"] or 0)
        last = {curve: rows[-1]["drop_low"] for curve, rows in grouped(in_order, CURVE).items()}
        rows = super().load(tables, study)
        for row in rows:
            row["measured"] = row["slope_ratio"] is not None  # else it has too few points
            row["turned"] = last.get(tuple(row[key] for key in CURVE), 0.0) > study.epsilon
        return rows

    def evaluate(self, evidence: Evidence) -> Finding | None:
        """Decide whether the difference of the mean sharpnesses is above 0, by every recipe."""
        members = [{id(row) for row in evidence.roles[role]} for role in self.roles]
        recipes = {
            name: sides
            for name, rows in evidence.by_recipe(evidence.rows).items()
            if all(sides := [[row for row in rows if id(row) in side] for side in members])
        }
        if not recipes:
            return None
        parts, left_out = [], []
        for name, sides in recipes.items():
            by = f"{name}: " if len(recipes) > 1 else ""
            usable = [[r for r in side if r["turned"] and r["measured"]] for side in sides]
            out = filter(None, map(_left_out, self.roles, sides))
            left_out += [f"{by}left out of {text}" for text in out]
            if all(usable):
                reason, measured = self._compare(usable, evidence.study.confidence)
                parts.append((f"{by}{reason}", measured))
        if not parts:
            return Finding("not resolved", "; ".join(left_out))
        finding = Finding.by_sign(parts, "% of the slope", evidence.study.confidence)
        return finding.with_reason("; ".join(left_out))

    def _compare(self, curves: Sequence[list[Row]], confidence: float) -> tuple[str, Interval]:
        """Return how sharp both roles' curves are, in words, and the difference."""
        quantile = normal_quantile(confidence)
        sides = [_Side.of(side, quantile) for side in curves]
        reach = math.sqrt(sum(side.variance for side in sides))
        reach *= _quantile(sides, quantile, confidence)
        value = sides[0].mean - sides[1].mean
        measured = Interval(value, value - reach, value + reach).scaled(100)
        after = (np.mean([row["slope_after"] for row in side]) for side in curves)
        reason = "; ".join(
            f"{who}: {100 * side.mean:.3g} % of {side.curves} curves' slope is new, which is "
            f"{slope:.3g} points a tenth of the weights"
            for who, side, slope in zip(self.roles, sides, after, strict=True)
        )
        return reason, measured


def _left_out(role: str, curves: Sequence[Row]) -> str:
    """Return how many of a role's curves do not count, and why; empty if all do."""
    flat = sum(not row["turned"] for row in curves)
    short = sum(row["turned"] and not row["measured"] for row in curves)
    reasons = {"not turned by their last sparsity": flat, "of too few points": short}
    said = [f"{n} of {len(curves)} curves, {why}" for why, n in reasons.items() if n]
    return f"{role}: {' and '.join(said)}" if said else ""


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
