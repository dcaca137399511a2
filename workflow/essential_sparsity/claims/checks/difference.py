"""A check of score differences between masks that training finds and one-shot ones."""

from typing import ClassVar, Literal, Self

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
from essential_sparsity.claims.finding import Case, Finding, Range
from essential_sparsity.estimators.intervals import Interval
from essential_sparsity.support.spec import Sparsity


class DifferenceWithin(MaskCheck):
    """Between two sparsities, scores less one-shot pruning's lie in a range, in points.

    With both ends this is an equivalence test, by an interval that must lie inside as a whole.
    """

    table: ClassVar[str] = "difference"
    key: ClassVar[tuple[str, ...]] = (*CURVE, "mask", "baseline")
    columns: ClassVar[tuple[str, ...]] = (
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

    def concerns(self, row: Row) -> bool:
        """Tell whether the row is about such masks, beside one-shot pruning, in this range."""
        inside = self.above < row["sparsity"] < self.below
        return inside and row["baseline"] == "magnitude-global" and super().concerns(row)

    def is_papers(self, row: Row, study: StudyFacts) -> bool:
        """Tell whether the masks are found as the paper finds them."""
        plain = row["family"] == f"{self.criterion}-{self.scope}"
        return plain and super().is_papers(row, study)

    def evaluate(self, evidence: Evidence) -> Finding | None:
        """Decide whether every point, or every curve's mean, lies in the range."""
        columns = (*CURVE, "mask") if self.of == "points" else CURVE
        cases = [_mean(rows, evidence) for rows in grouped(evidence.rows, columns).values()]
        if not cases:
            return None
        return Range(self.low, self.high, "points", evidence.study.confidence).decide(cases)


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
