"""Checks of weights alone: how many are nearly zero, and where the removed ones lie."""

from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from essential_sparsity.claims.check import (
    Check,
    Evidence,
    MaskCheck,
    Row,
    StudyFacts,
    grouped,
    percent,
)
from essential_sparsity.claims.finding import Case, Finding
from essential_sparsity.estimators.bootstrap import named_generator, percentile_interval
from essential_sparsity.estimators.intervals import Interval
from essential_sparsity.support.spec import Sparsity, equal_sparsities

_RESAMPLES = 2000

_Floats = npt.NDArray[np.float64]
# Of a layer's feed-forward and of its attention: removed and all weights, (2, matrices).
_Layer = tuple[_Floats, _Floats]


class ZeroShare(Check):
    """The first models have more near-zero weights than the second ones.

    Weights are counted, not sampled: what is uncertain is how near to zero is meant. So it holds
    where the share is larger at every threshold, does not where it is at none, and is not resolved
    where the threshold decides. The median excess is reported, and its range over thresholds.
    """

    table = "near_zero"
    key = ("model", "relative", "threshold")
    columns = ("level", "share")
    roles = ("first", "second")
    universal = False

    kind: Literal["zero-share"]

    def concerns(self, row: Row, study: StudyFacts) -> bool:
        """Tell whether the share is a whole model's."""
        return bool(row["level"] == "model")

    def evaluate(self, evidence: Evidence) -> Finding | None:
        """Compare the models' shares at every threshold that they have in common."""
        excess = [
            100 * (row["share"] / other["share"] - 1)
            for row, other in evidence.pairs("first", "second")
            if all(row[key] == other[key] for key in ("relative", "threshold")) and other["share"]
        ]
        if not excess:
            return None
        more = sum(value > 0 for value in excess)
        reason = f"more at {more} of {len(excess)} thresholds τ; the range is over these"
        measured = Interval(float(np.median(excess)), min(excess), max(excess))
        if more == len(excess):
            return Finding("holds", reason, measured, "% more")
        if more == 0:
            return Finding("does not", reason, measured, "% more")
        reason = f"depends on what counts as zero: {reason}"
        return Finding("not resolved", reason, measured, "% more")


class RateRatio(MaskCheck):
    """Feed-forward matrices lose a larger share of their weights than attention's do.

    The rate ratio is Mantel and Haenszel's (1959; of rates, Rothman's), layers as strata, so that
    a layer's own overall rate makes no difference. Its interval is a bootstrap over layers and, in
    each that is drawn, over the matrices of either part: how much it hangs on single matrices.
    """

    table = "placement"
    key = ("model", "mask", "matrix")
    columns = ("criterion", "scope", "sparsity", "layer", "part", "weights", "removed")

    kind: Literal["rate-ratio"]
    sparsity: Sparsity = Field(gt=0)

    def concerns(self, row: Row, study: StudyFacts) -> bool:
        """Tell whether the row is a matrix under such a mask of the sparsity."""
        at = equal_sparsities(row["sparsity"], self.sparsity)
        in_layer = row["part"] in ("attention", "feed_forward")
        return at and in_layer and super().concerns(row, study)

    def evaluate(self, evidence: Evidence) -> Finding | None:
        """Decide whether every model's rate ratio is above 1."""
        models = {model: rows for (model,), rows in grouped(evidence.rows, ["model"]).items()}
        cases = [
            Case(
                evidence.label(model), _rate_ratio(_layers(rows), model, evidence.study.confidence)
            )
            for model, rows in models.items()
        ]
        finding = evidence.decide(cases, 1.0, None, "times")
        if finding is None:
            return None
        shares = "; ".join(_shares(evidence.label(name), rows) for name, rows in models.items())
        return finding.with_reason(f"at {percent(self.sparsity)}, {shares}")


def _rate_ratio(layers: list[_Layer], name: str, confidence: float) -> Interval:
    """Return the ratio of pruned rates, feed-forward by attention, with its bootstrap interval.

    `name` decides the resamples.
    """
    generator = named_generator("rate-ratio", name)

    def redrawn(part: _Floats) -> _Floats:
        found: _Floats = part[:, generator.integers(part.shape[1], size=part.shape[1])]
        return found

    samples = np.empty(_RESAMPLES)
    for index in range(_RESAMPLES):
        drawn = generator.integers(len(layers), size=len(layers))
        samples[index] = _pooled([(redrawn(layers[i][0]), redrawn(layers[i][1])) for i in drawn])
    low, high = percentile_interval(samples, confidence)
    return Interval(_pooled(layers), float(low), float(high))


def _pooled(layers: list[_Layer]) -> float:
    """Return Mantel and Haenszel's rate ratio: Σ a·N₀/N over Σ b·N₁/N."""
    above = below = 0.0
    for feed_forward, attention in layers:
        (removed, weights), (others, base) = feed_forward.sum(axis=1), attention.sum(axis=1)
        above += removed * base / (weights + base)
        below += others * weights / (weights + base)
    return above / below if below else float("inf")


def _layers(rows: list[Row]) -> list[_Layer]:
    def part(layer: int, name: str) -> _Floats:
        found = [r for r in rows if r["layer"] == layer and r["part"] == name]
        return np.array([[r["removed"] for r in found], [r["weights"] for r in found]], float)

    numbers = sorted({row["layer"] for row in rows})
    return [(part(n, "feed_forward"), part(n, "attention")) for n in numbers]


def _shares(label: str, rows: list[Row]) -> str:
    """Return what the claim says in so many words: the share of what is removed."""
    inside = [row for row in rows if row["part"] == "feed_forward"]
    removed = sum(row["removed"] for row in inside) / max(1, sum(row["removed"] for row in rows))
    base = sum(row["weights"] for row in inside) / sum(row["weights"] for row in rows)
    return (
        f"{percent(removed)} of what {label} loses is feed-forward, as are {percent(base)} of all "
        "weights"
    )
