"""Checks of turning points, the essential sparsities of a study's curves."""

from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from essential_sparsity.claims.check import CURVE, Evidence, MaskCheck, Row, StudyFacts, percent
from essential_sparsity.claims.finding import Case, Finding, Range
from essential_sparsity.estimators.certification import is_learnt
from essential_sparsity.estimators.intervals import Interval
from essential_sparsity.support.spec import Sparsity

UNIT = "%"
NOT_LEARNT = (
    "its drops mean nothing, as the dense model is not shown to be better than one and the same "
    "answer to everything"
)


class EssentialCheck(MaskCheck):
    """A check of the table `essential`, at the study's ε, whatever is searched for."""

    table: ClassVar[str] = "essential"
    key: ClassVar[tuple[str, ...]] = CURVE
    columns: ClassVar[tuple[str, ...]] = (
        *("criterion", "scope", "seeds", "epsilon", "relative", "main"),
        *("estimate", "low", "high", "estimate_censored", "low_censored", "high_censored"),
        *("certified", "uncertified_because", "dense_low", "constant"),
    )

    def load(self, path: Path, study: StudyFacts) -> list[Row]:
        """Return the curves of such masks, at the study's ε."""
        rows = super().load(path, study)
        return [row for row in rows if row["epsilon"] == study.epsilon and not row["relative"]]

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
        if not evidence.rows:
            return None
        low, high = (None if end is None else 100 * end for end in (self.low, self.high))
        cases = [self._case(row, evidence) for row in evidence.rows]
        return Range(low, high, UNIT, evidence.study.confidence).decide(cases)

    def _case(self, row: Row, evidence: Evidence) -> Case:
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

    roles: ClassVar[tuple[str, ...]] = ("first", "second")

    kind: Literal["essential-order"]
    margin: Sparsity = Field(
        default=0.0, description="how far the first may fall short and still count as not behind"
    )

    def evaluate(self, evidence: Evidence) -> Finding | None:
        """Decide whether every difference is at least minus the margin."""
        pairs = list(evidence.pairs("first", "second"))
        if not pairs:
            return None
        learnt = (has_learnt(first) and has_learnt(second) for first, second in pairs)
        cases = [
            Case(
                f"{evidence.name(first)} less {evidence.label(second['model'])}",
                turning_point(first).less(turning_point(second)),
                void="" if both else NOT_LEARNT,
            )
            for (first, second), both in zip(pairs, learnt, strict=True)
        ]
        found = Range(0.0 - 100 * self.margin, None, "points", evidence.study.confidence).decide(
            cases
        )
        margin = f"up to {percent(self.margin)} short counts as level" if self.margin else ""
        return found.with_reason(margin)
