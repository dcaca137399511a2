"""A check of drops at one sparsity."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from essential_sparsity.claims.check import CURVE, Evidence, MaskCheck, Row, grouped, percent
from essential_sparsity.claims.checks.essential import NOT_LEARNT
from essential_sparsity.claims.finding import Case, Finding, Range
from essential_sparsity.estimators.certification import ONE_SEED, is_learnt
from essential_sparsity.estimators.intervals import Interval
from essential_sparsity.support.spec import Sparsity, equal_sparsities


class DropWithin(MaskCheck):
    """At a sparsity no task has lost more than ε.

    Where no mask has that very sparsity, the nearest ones bracket it, for masks of one ranking are
    nested and a drop does not shrink as more is removed: what the next sparser mask has not lost is
    not lost here, and what the next denser one has lost is.
    """

    table: ClassVar[str] = "drop"
    key: ClassVar[tuple[str, ...]] = (*CURVE, "mask")
    columns: ClassVar[tuple[str, ...]] = (
        *("criterion", "scope", "seeds", "sparsity", "score_low", "constant"),
        *("drop", "drop_low", "drop_high"),
    )

    kind: Literal["drop-within"]
    sparsity: Sparsity = Field(gt=0)
    drop: float | None = Field(
        default=None, gt=0, description="the largest, in points; the study's ε if not given"
    )

    def tolerance(self, epsilon: float) -> float:
        """Return the largest drop, the study's ε where the claim has none of its own."""
        return epsilon if self.drop is None else self.drop

    def evaluate(self, evidence: Evidence) -> Finding | None:
        """Decide whether every curve's drop at the sparsity is at most ε."""
        curves = grouped(evidence.rows, CURVE).values()
        found = (self._case(rows, evidence) for rows in curves)
        cases = [case for case in found if case is not None]
        if not cases:
            return None
        allowed = self.tolerance(evidence.study.epsilon)
        finding = Range(None, allowed, "points", evidence.study.confidence).decide(cases)
        exact = any(equal_sparsities(row["sparsity"], self.sparsity) for row in evidence.rows)
        bracket = "" if exact else f"bracketed by the masks on either side of {self._at}"
        return finding.with_reason(bracket)

    @property
    def _at(self) -> str:
        return percent(self.sparsity)

    def _case(self, rows: list[Row], evidence: Evidence) -> Case | None:
        """Return a curve's drop at the sparsity; None where no mask is as sparse."""
        rows = sorted(rows, key=lambda row: row["sparsity"])
        there = [row for row in rows if equal_sparsities(row["sparsity"], self.sparsity)]
        denser = there or [row for row in rows if row["sparsity"] < self.sparsity]
        sparser = there or [row for row in rows if row["sparsity"] > self.sparsity]
        if not denser or not sparser:
            return None
        before, after = denser[-1], sparser[0]
        value = np.interp(
            self.sparsity, [row["sparsity"] for row in rows], [row["drop"] for row in rows]
        )
        # Noise may turn the two bounds around the value, where it is no longer between them.
        low = min(before["drop_low"], float(value))
        high = max(after["drop_high"], float(value))
        dense = next((row for row in rows if row["sparsity"] == 0), None)
        interval = Interval(float(value), low, high)
        void = ""
        if dense is not None and not is_learnt(dense["score_low"], dense["constant"]):
            void = NOT_LEARNT
        elif after["seeds"] == 1:
            void = ONE_SEED
        elif interval.is_exact:
            void = "scores that never differ give no interval"
        return Case(evidence.name(after), interval, void=void)
