"""Checks of turning points, the essential sparsities of a study's curves."""

from typing import Literal, Self

from pydantic import Field, model_validator

from essential_sparsity.claims.check import CURVE, Evidence, MaskCheck, Row, StudyFacts, percent
from essential_sparsity.claims.finding import Case, Finding
from essential_sparsity.estimators.certification import is_learnt
from essential_sparsity.estimators.intervals import Interval
from essential_sparsity.support.spec import Sparsity

UNIT = "%"
NOT_LEARNT = (
    "its drops mean nothing, as the dense model is not shown to be better than a constant answer"
)


class EssentialCheck(MaskCheck):
    """A check of the table `essential`, at the study's ε, whatever is searched for."""

    table = "essential"
    key = CURVE
    columns = (
        *("criterion", "scope", "seeds", "epsilon", "relative", "main"),
        *("estimate", "low", "high", "estimate_censored", "low_censored", "high_censored"),
        *("certified", "uncertified_because", "dense_low", "constant"),
    )

    def concerns(self, row: Row, study: StudyFacts) -> bool:
        """Tell whether the row is about such masks, at the study's ε."""
        of_study = row["epsilon"] == study.epsilon and not row["relative"]
        return of_study and super().concerns(row, study)

    def rank(self, row: Row) -> tuple[float, ...]:
        """Return first whether the experiment is about this ε: where it has put its runs."""
        return (row["main"], *super().rank(row))

    def tolerance(self, epsilon: float) -> float:
        """Return the study's ε."""
        return epsilon


def turning_point(row: Row) -> Interval:
    """Return a curve's essential sparsity in percent; where it is off the grid, 0 or 100 bounds it.

    A value before the first sparsity may be anything down to 0, one past the last up to 100.
    """
    low = 0.0 if row["low_censored"] == "below" else row["low"]
    high = 1.0 if row["high_censored"] == "above" else row["high"]
    ends = (row["estimate_censored"], row["low_censored"], row["high_censored"])
    interval = Interval(row["estimate"], low, high, any(ends), row["estimate_censored"] or "")
    return interval.scaled(100)


def has_learnt(row: Row) -> bool:
    """Tell whether a curve's dense model has; see `is_learnt`."""
    return is_learnt(row["dense_low"], row["constant"])


class EssentialWithin(EssentialCheck):
    """Every turning point lies in a range.

    That it is not below the range is a matter of certification: of non-inferiority tests up the
    grid. That it is not above is one of its interval.
    """

    kind: Literal["essential-within"]
    low: Sparsity | None = Field(default=None, description="none is below this sparsity")
    high: Sparsity | None = Field(default=None, description="none is above this sparsity")

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.low is None and self.high is None:
            raise ValueError("state `low`, `high` or both")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"low: {self.low:g} is not below high, {self.high:g}")
        return self

    def evaluate(self, evidence: Evidence) -> Finding | None:
        """Decide whether every curve's turning point lies in the range."""
        low, high = (None if end is None else 100 * end for end in (self.low, self.high))
        cases = [_floored(row, evidence) for row in evidence.rows]
        return evidence.decide(cases, low, high, UNIT)


def _floored(row: Row, evidence: Evidence) -> Case:
    """Return a curve's turning point, with what is certified of it."""
    floor = row["certified"]
    return Case(
        evidence.name(row),
        turning_point(row),
        floor=None if floor is None else 100 * floor,
        void="" if has_learnt(row) else NOT_LEARNT,
        uncertified="" if floor is not None else f"uncertified: {row['uncertified_because']}",
    )


class EssentialOrder(EssentialCheck):
    """On every task the first models' turning points are beyond the second ones'.

    Differences are taken as those of independent values. On the same examples they vary together,
    so that intervals err on the wide side.
    """

    roles = ("first", "second")

    kind: Literal["essential-order"]
    margin: Sparsity = Field(
        default=0.0, description="how far the first may fall short and still count as not behind"
    )

    def evaluate(self, evidence: Evidence) -> Finding | None:
        """Decide whether every difference is at least minus the margin."""
        cases = [
            Case(
                f"{evidence.name(first)} less {evidence.label(second['model'])}",
                turning_point(first).less(turning_point(second)),
                void="" if has_learnt(first) and has_learnt(second) else NOT_LEARNT,
            )
            for first, second in evidence.pairs("first", "second")
        ]
        found = evidence.decide(cases, 0.0 - 100 * self.margin, None, "points")
        if found is None or not self.margin:
            return found
        return found.with_reason(f"up to {percent(self.margin)} short counts as level")
