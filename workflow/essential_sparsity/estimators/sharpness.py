"""How sharply a curve of drops turns: two lines that meet, held against curves that bend smoothly.

Each form has a line's worth of free factors and one parameter that bends it. The dense drop is zero
by definition, and so all of them start at zero:

    hinge    slope·max(0, s − b)          and the same with a slope before the breakpoint b
    smooth   a·sᵖ, a·(exp(cs) − 1)        and the same with a line besides

For a given bend the best factors are a weighted least squares fit, a matrix that does not depend on
the drops; so all bends of a fine grid are tried, which finds the least sum of squares also where it
has several minima, and a whole bootstrap is fitted at once. Forms are compared by the corrected
criterion of Akaike (AICc), whose number of parameters is that of the factors, the bend and the
variance, the least of the two hinges with the least of the four smooth ones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from essential_sparsity.estimators.bootstrap import percentile_interval
from essential_sparsity.estimators.spread import Floats

Shape = Literal["sharp", "smooth", "not resolved"]

# AICc apart by this much leaves the worse one "considerably less support" (Burnham and Anderson
# 2002).
_EVIDENCE = 4.0

# At six points, AICc's correction rules out a hinge with a slope before its breakpoint whatever
# the drops are.
LEAST_POINTS = 7

_BREAKS = 201
_BENDS = 80


@dataclass(frozen=True)
class Sharpness:
    """What is known of a curve's turn; see the table `sharpness`. None where it has too few points.

    Slopes are in points per 10 % of sparsity. A ratio is infinite where the curve does not rise
    before the breakpoint.
    """

    shape: Shape
    points: int
    breakpoint: float | None = None
    breakpoint_low: float | None = None
    breakpoint_high: float | None = None
    slope_before: float | None = None
    slope_after: float | None = None
    slope_ratio: float | None = None
    slope_ratio_low: float | None = None
    slope_ratio_high: float | None = None
    aicc_hinge: float | None = None
    aicc_smooth: float | None = None
    evidence: float | None = None


@dataclass(frozen=True)
class _Form:
    """One form of a curve: bends to try, and the curve's columns for each (bends, points, factors).

    Smooth columns are 1 at the last point.
    """

    bends: Floats
    columns: Floats

    @classmethod
    def all(cls, sparsities: Floats) -> "list[_Form]":
        """Return the hinge, the one with a slope before it, and the smooth ones."""
        last = sparsities[-1]
        breaks = np.linspace(sparsities[0], sparsities[-2], _BREAKS)
        powers = np.geomspace(1, 40, _BENDS)  # the first is a straight line
        bent = np.geomspace(1.1, 40, _BENDS)
        rates = np.geomspace(0.2, 40, _BENDS) / float(last)

        def after(bend: float) -> Floats:
            return np.maximum(sparsities - bend, 0)

        def power(bend: float) -> Floats:
            raised: Floats = (sparsities / last) ** bend
            return raised

        def exponential(bend: float) -> Floats:
            grown: Floats = np.expm1(bend * sparsities) / np.expm1(bend * last)
            return grown

        return [
            cls._of(breaks, after),
            cls._of(breaks, after, sparsities),
            cls._of(powers, power),
            cls._of(rates, exponential),
            cls._of(bent, power, sparsities),
            cls._of(rates, exponential, sparsities),
        ]

    @classmethod
    def _of(cls, bends: Floats, column: Callable[[float], Floats], *beside: Floats) -> "_Form":
        return cls(bends, np.array([np.column_stack([*beside, column(b)]) for b in bends]))


@dataclass(frozen=True)
class _Fit:
    """Fits of many curves: the bends (curves,), factors (curves, factors) and AICc (curves,)."""

    bends: Floats
    factors: Floats
    aicc: Floats


def _fit(form: _Form, drops: Floats, weights: Floats) -> _Fit:
    """Fit one form to drops (curves, points) by least squares of weights (points,)."""
    root = np.sqrt(weights)
    scaled = drops * root
    columns = form.columns * root[:, None]
    # What a fit explains is the square of the drops along the columns' orthonormal basis.
    basis = np.linalg.qr(columns).Q
    explained = np.square(np.einsum("cp,bpf->cbf", scaled, basis, optimize=True)).sum(axis=2)
    chosen = explained.argmax(axis=1)
    factors = np.einsum("cfp,cp->cf", np.linalg.pinv(columns)[chosen], scaled)
    squares = np.square(scaled).sum(axis=1) - explained.max(axis=1)
    return _Fit(form.bends[chosen], factors, _aicc(squares, scaled, columns.shape[2] + 2))


def _aicc(squares: Floats, scaled: Floats, parameters: int) -> Floats:
    """Return AICc of normal errors of unknown variance, of which there is one a curve."""
    points = scaled.shape[1]
    # A fit without any error would be infinitely good.
    least = 1e-12 * np.square(scaled).sum(axis=1) + 1e-300
    likelihood = points * np.log(np.maximum(squares, least) / points)
    correction = 2 * parameters * (parameters + 1) / (points - parameters - 1)
    found: Floats = likelihood + 2 * parameters + correction
    return found


def measure_sharpness(
    sparsities: Floats,
    drops: Floats,
    samples: Floats,
    weights: Floats,
    *,
    confidence: float,
    room: float | None = None,
) -> Sharpness:
    """Measure how sharply a curve turns.

    Points after the first that loses half of all there is to lose are left out: there, every curve
    bends back. A curve is "sharp" or "smooth" where one side's AICc is lower by 4 at least and also
    lower in `confidence` of the resamples, and where its last drop is above zero; else, and where
    it has fewer than `LEAST_POINTS`, this is not resolved.

    Args:
        sparsities: (points,), increasing, positive.
        drops: (points,) in points.
        samples: (points, resamples), the drops in every resample.
        weights: (points,), 1 / variance of the drops.
        confidence: level of the intervals.
        room: the dense score less that of a constant answer, in points.
    """
    lost = np.flatnonzero(drops >= room / 2) if room is not None else np.empty(0)
    last = int(lost[0]) + 1 if lost.size else len(drops)
    if last < LEAST_POINTS:
        return Sharpness("not resolved", last)
    sparsities, weights = sparsities[:last], weights[:last]
    curves = np.vstack([drops[:last], samples[:last].T])
    flat, sloped, *bent = (_fit(form, curves, weights) for form in _Form.all(sparsities))
    hinges = np.minimum(flat.aicc, sloped.aicc)
    smooth: Floats = np.min([fit.aicc for fit in bent], axis=0)
    evidence = smooth - hinges
    before = sloped.factors[:, 0] / 10
    after = sloped.factors.sum(axis=1) / 10
    rises = before > 0
    otherwise = np.where(after > 0, np.inf, 1.0)
    ratio = np.where(rises, after / np.where(rises, before, 1), otherwise)
    numbers = [
        *(sloped.bends[0], *percentile_interval(sloped.bends[1:], confidence)),
        *(before[0], after[0]),
        *(ratio[0], *percentile_interval(ratio[1:], confidence)),
        *(hinges[0], smooth[0], evidence[0]),
    ]
    shape = _shape(evidence, samples[last - 1], confidence)
    return Sharpness(shape, last, *map(float, numbers))


def _shape(evidence: Floats, last_drops: Floats, confidence: float) -> Shape:
    if percentile_interval(last_drops, confidence)[0] <= 0:
        return "not resolved"
    for shape, sign in (("sharp", 1), ("smooth", -1)):
        signed = sign * evidence
        if signed[0] >= _EVIDENCE and (signed[1:] > 0).mean() >= confidence:
            return shape  # type: ignore[return-value]
    return "not resolved"
