"""Checks of scores: drops at one sparsity, and differences from one-shot pruning."""

from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from essential_sparsity.claims.check import (
    CURVE,
    Evidence,
    MaskCheck,
    Row,
    StudyFacts,
    grouped,
    percent,
)
from essential_sparsity.claims.checks.essential import NOT_LEARNT, has_learnt
from essential_sparsity.claims.finding import Case, Finding
from essential_sparsity.estimators.certification import ONE_SEED, is_learnt
from essential_sparsity.estimators.intervals import Interval
from essential_sparsity.support.spec import Sparsity, equal_sparsities


class DropWithin(MaskCheck):
    """At a sparsity no task has lost more than ε.

    Where no mask has that very sparsity, the nearest ones bracket it, for masks of one ranking are
    nested and a drop does not shrink as more is removed: what the next sparser mask has not lost is
    not lost here, and what the next denser one has lost is.
    """

    table = "drop"
    key = (*CURVE, "mask")
    columns = (
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
        cases = [case for rows in curves if (case := self._case(rows, evidence)) is not None]
        finding = evidence.decide(cases, None, self.tolerance(evidence.study.epsilon), "points")
        if finding is None or any(map(self._is_there, evidence.rows)):
            return finding
        sparsity = percent(self.sparsity)
        return finding.with_reason(f"bracketed by the masks on either side of {sparsity}")

    def _is_there(self, row: Row) -> bool:
        return equal_sparsities(row["sparsity"], self.sparsity)

    def _case(self, rows: list[Row], evidence: Evidence) -> Case | None:
        """Return a curve's drop at the sparsity; None where no mask is as sparse."""
        rows = sorted(rows, key=lambda row: row["sparsity"])
        there = list(filter(self._is_there, rows))
        denser = there or [row for row in rows if row["sparsity"] < self.sparsity]
        sparser = there or [row for row in rows if row["sparsity"] > self.sparsity]
        if not denser or not sparser:
            return None
        after = sparser[0]
        drops = [row["drop"] for row in rows]
        value = float(np.interp(self.sparsity, [row["sparsity"] for row in rows], drops))
        # Noise may turn the two bounds around the value, where it is no longer between them.
        low, high = min(denser[-1]["drop_low"], value), max(after["drop_high"], value)
        interval = Interval(value, low, high)
        dense = next((row for row in rows if row["sparsity"] == 0), None)
        void = ""
        if dense is not None and not is_learnt(dense["score_low"], dense["constant"]):
            void = NOT_LEARNT
        elif after["seeds"] == 1:
            void = ONE_SEED
        elif interval.is_exact:
            void = "scores that never differ give no interval"
        return Case(evidence.name(after), interval, void=void)


class DifferenceWithin(MaskCheck):
    """Between two sparsities, scores less one-shot pruning's lie in a range, in points.

    With both ends this is an equivalence test, by an interval that must lie inside as a whole.
    """

    table = "difference"
    key = (*CURVE, "mask", "baseline")
    columns = (
        *("criterion", "scope", "seeds", "sparsity", "dense_low", "constant"),
        *("difference", "difference_low", "difference_high"),
    )

    kind: Literal["difference-within"]
    above: Sparsity = Field(default=0.0, description="of masks sparser than this")
    below: float = Field(default=1.0, gt=0, le=1, description="and less sparse than this")
    low: float | None = Field(default=None, description="none is below this, in points")
    high: float | None = Field(default=None, description="none is above this, in points")
    of: Literal["points", "means"] = Field(
        default="points",
        description="every sparsity by itself, or a curve's mean over sparsities: the bounds of a "
        "mean are the means of the bounds, since points of a curve vary together",
    )

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.low is None and self.high is None:
            raise ValueError("state `low`, `high` or both")
        return self

    def concerns(self, row: Row, study: StudyFacts) -> bool:
        """Tell whether the row is about such masks, beside one-shot pruning, in this range."""
        inside = self.above < row["sparsity"] < self.below
        return inside and row["baseline"] == "magnitude-global" and super().concerns(row, study)

    def is_papers(self, row: Row, study: StudyFacts) -> bool:
        """Tell whether the masks are found as the paper finds them."""
        plain = row["family"] == f"{self.criterion}-{self.scope}"
        return plain and super().is_papers(row, study)

    def evaluate(self, evidence: Evidence) -> Finding | None:
        """Decide whether every point, or every curve's mean, lies in the range."""
        columns = (*CURVE, "mask") if self.of == "points" else CURVE
        cases = [_mean(rows, evidence) for rows in grouped(evidence.rows, columns).values()]
        return evidence.decide(cases, self.low, self.high, "points")


def _mean(rows: list[Row], evidence: Evidence) -> Case:
    value, low, high = (
        sum(row[f"difference{end}"] for row in rows) / len(rows) for end in ("", "_low", "_high")
    )
    sparsities = [row["sparsity"] for row in rows]
    ends = dict.fromkeys(percent(end) for end in (min(sparsities), max(sparsities)))
    interval = Interval(value, low, high)
    void = "" if all(map(has_learnt, rows)) else NOT_LEARNT
    if interval.is_exact:  # fine-tuning is never so even where it learns anything
        void = "scores that never differ tell of a task that is not learnt"
    return Case(f"{evidence.name(rows[0])} at {' to '.join(ends)}", interval, void=void)
