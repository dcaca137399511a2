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
    """One form of a curve: its columns for a bend, (points, factors), and the bends to try."""

    columns: Callable[[Floats, float], Floats]
    bends: Callable[[Floats], Floats]


def _breaks(sparsities: Floats) -> Floats:
    return np.linspace(sparsities[0], sparsities[-2], _BREAKS)


def _after(sparsities: Floats, bend: float) -> Floats:
    return np.maximum(sparsities - bend, 0)[:, None]


def _power(sparsities: Floats, bend: float) -> Floats:
    columns: Floats = (sparsities[:, None] / sparsities[-1]) ** bend
    return columns


def _exponential(sparsities: Floats, bend: float) -> Floats:
    columns: Floats = np.expm1(bend * sparsities[:, None]) / np.expm1(bend * sparsities[-1])
    return columns


def _beside_line(
    columns: Callable[[Floats, float], Floats],
) -> Callable[[Floats, float], Floats]:
    return lambda sparsities, bend: np.hstack([sparsities[:, None], columns(sparsities, bend)])


def _powers(_: Floats) -> Floats:
    return np.geomspace(1, 40, _BENDS)  # the first is a straight line


def _bent_powers(_: Floats) -> Floats:
    return np.geomspace(1.1, 40, _BENDS)


def _rates(sparsities: Floats) -> Floats:
    return np.geomspace(0.2, 40, _BENDS) / float(sparsities[-1])


# The hinge, the one with a slope before it, and the smooth ones.
_FORMS = (
    _Form(_after, _breaks),
    _Form(_beside_line(_after), _breaks),
    _Form(_power, _powers),
    _Form(_exponential, _rates),
    _Form(_beside_line(_power), _bent_powers),
    _Form(_beside_line(_exponential), _rates),
)


@dataclass(frozen=True)
class _Fit:
    """Fits of many curves: the bends (curves,), factors (curves, factors) and AICc (curves,)."""

    bends: Floats
    factors: Floats
    aicc: Floats


def _fit(form: _Form, sparsities: Floats, drops: Floats, weights: Floats) -> _Fit:
    """Fit one form to drops (curves, points) by least squares of weights (points,)."""
    root = np.sqrt(weights)
    scaled = drops * root
    bends = form.bends(sparsities)
    columns = np.array([form.columns(sparsities, float(bend)) for bend in bends])
    columns = columns * root[:, None]
    # What a fit explains is the square of the drops along the columns' orthonormal basis.
    basis = np.linalg.qr(columns).Q
    explained = np.square(np.einsum("cp,bpf->cbf", scaled, basis, optimize=True)).sum(axis=2)
    chosen = explained.argmax(axis=1)
    factors = np.einsum("cfp,cp->cf", np.linalg.pinv(columns)[chosen], scaled)
    squares = np.square(scaled).sum(axis=1) - explained.max(axis=1)
    return _Fit(bends[chosen], factors, _aicc(squares, scaled, columns.shape[2] + 2))


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
    flat, sloped, *bent = (_fit(form, sparsities, curves, weights) for form in _FORMS)
    hinges = np.minimum(flat.aicc, sloped.aicc)
    smooth: Floats = np.min([fit.aicc for fit in bent], axis=0)
    evidence = smooth - hinges
    before = sloped.factors[:, 0] / 10
    after = sloped.factors.sum(axis=1) / 10
    ratio = _ratio(before, after)
    break_low, break_high = percentile_interval(sloped.bends[1:], confidence)
    ratio_low, ratio_high = percentile_interval(ratio[1:], confidence)
    return Sharpness(
        _shape(evidence, samples[last - 1], confidence),
        last,
        float(sloped.bends[0]),
        float(break_low),
        float(break_high),
        float(before[0]),
        float(after[0]),
        float(ratio[0]),
        float(ratio_low),
        float(ratio_high),
        float(hinges[0]),
        float(smooth[0]),
        float(evidence[0]),
    )


def _ratio(before: Floats, after: Floats) -> Floats:
    """Return after / before, infinite where the curve rises after the breakpoint alone."""
    rises = before > 0
    flat = np.where(after > 0, np.inf, 1.0)
    return np.where(rises, after / np.where(rises, before, 1), flat)


def _shape(evidence: Floats, last_drops: Floats, confidence: float) -> Shape:
    if percentile_interval(last_drops, confidence)[0] <= 0:
        return "not resolved"
    for shape, sign in (("sharp", 1), ("smooth", -1)):
        signed = sign * evidence
        if signed[0] >= _EVIDENCE and (signed[1:] > 0).mean() >= confidence:
            return shape  # type: ignore[return-value]
    return "not resolved"
