"""A check of how many weights are nearly zero."""

from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from essential_sparsity.claims.check import Check, Evidence, Row, StudyFacts
from essential_sparsity.claims.finding import Finding
from essential_sparsity.estimators.intervals import Interval


class ZeroShare(Check):
    """The first models have more near-zero weights than the second ones.

    Weights are counted, not sampled: what is uncertain is how near to zero is meant. So it holds
    where the share is larger at every threshold, does not where it is at none, and is not resolved
    where the threshold decides. The median excess is reported, and its range over thresholds.
    """

    table: ClassVar[str] = "near_zero"
    key: ClassVar[tuple[str, ...]] = ("model", "relative", "threshold")
    columns: ClassVar[tuple[str, ...]] = ("level", "share")
    roles: ClassVar[tuple[str, ...]] = ("first", "second")
    universal: ClassVar[bool] = False

    kind: Literal["zero-share"]

    def load(self, path: Path, study: StudyFacts) -> list[Row]:
        """Return the shares of whole models."""
        return [row for row in super().load(path, study) if row["level"] == "model"]

    def evaluate(self, evidence: Evidence) -> Finding | None:
        """Compare the models' shares at every threshold that they have in common."""
        excess = [
            100 * (row["share"] / other["share"] - 1)
            for row, other in evidence.pairs("first", "second")
            if _threshold(row) == _threshold(other) and other["share"]
        ]
        if not excess:
            return None
        more = sum(value > 0 for value in excess)
        counted = f"more at {more} of {len(excess)} thresholds τ; the range is over these"
        measured = Interval(float(np.median(excess)), min(excess), max(excess))
        if more == len(excess):
            return Finding("holds", counted, measured, "% more")
        if more == 0:
            return Finding("does not", counted, measured, "% more")
        return Finding(
            "not resolved", f"depends on what counts as zero: {counted}", measured, "% more"
        )


def _threshold(row: Row) -> tuple[bool, float]:
    return row["relative"], row["threshold"]
