"""A check of where removed weights lie."""

from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from essential_sparsity.claims.check import Evidence, MaskCheck, Row, grouped, percent
from essential_sparsity.claims.finding import Case, Finding, Range
from essential_sparsity.estimators.bootstrap import named_generator, percentile_interval
from essential_sparsity.estimators.intervals import Interval
from essential_sparsity.support.spec import Sparsity

_RESAMPLES = 2000
_TOLERANCE = 5e-4

_Floats = npt.NDArray[np.float64]
# Removed and all weights of the matrices of one part: (2, matrices).
_Layer = tuple[_Floats, _Floats]


class RateRatio(MaskCheck):
    """Feed-forward matrices lose a larger share of their weights than attention's do.

    The rate ratio is Mantel and Haenszel's (1959; of rates, Rothman's), layers as strata, so that
    a layer's own overall rate makes no difference. Its interval is a bootstrap over layers and, in
    each that is drawn, over the matrices of either part: how much it hangs on single matrices.
    """

    table: ClassVar[str] = "placement"
    key: ClassVar[tuple[str, ...]] = ("model", "mask", "matrix")
    columns: ClassVar[tuple[str, ...]] = (
        *("criterion", "scope", "sparsity", "layer", "part", "weights", "removed"),
    )

    kind: Literal["rate-ratio"]
    sparsity: Sparsity = Field(gt=0)

    def concerns(self, row: Row) -> bool:
        """Tell whether the row is a matrix under such a mask of the sparsity."""
        at = row["sparsity"] is not None and abs(row["sparsity"] - self.sparsity) < _TOLERANCE
        return at and row["part"] in ("attention", "feed_forward") and super().concerns(row)

    def evaluate(self, evidence: Evidence) -> Finding | None:
        """Decide whether every model's rate ratio is above 1."""
        models = {model: rows for (model,), rows in grouped(evidence.rows, ["model"]).items()}
        if not models:
            return None
        cases = [
            Case(
                evidence.label(model),
                rate_ratio(_layers(rows), model, evidence.study.confidence),
            )
            for model, rows in models.items()
        ]
        finding = Range(1.0, None, "times", evidence.study.confidence).decide(cases)
        shares = "; ".join(_shares(evidence.label(name), rows) for name, rows in models.items())
        return finding.with_reason(f"at {percent(self.sparsity)}, {shares}")


def rate_ratio(layers: list[_Layer], name: str, confidence: float) -> Interval:
    """Return the ratio of pruned rates, feed-forward by attention, with its bootstrap interval.

    Args:
        layers: of each, the feed-forward's and attention's matrices.
        name: decides the resamples.
        confidence: the interval's level.
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
