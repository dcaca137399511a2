import numpy as np
import pytest

from essential_sparsity.estimators.sharpness import LEAST_POINTS, Sharpness, measure_sharpness
from essential_sparsity.estimators.spread import Floats

GRID = np.arange(1, 10) / 10


def _measure(drops: Floats, noise: float = 0.1, room: float | None = None) -> Sharpness:
    rng = np.random.default_rng(8)
    grid = GRID[: len(drops)]
    measured = drops + noise * rng.normal(size=len(drops))
    samples = measured[:, None] + noise * rng.normal(size=(len(drops), 300))
    weights = np.full(len(drops), noise**-2)
    return measure_sharpness(grid, measured, samples, weights, confidence=0.95, room=room)


def _hinge(at: float, slope: float, before: float = 0) -> Floats:
    return before * GRID + (slope - before) * np.maximum(GRID - at, 0)


@pytest.mark.parametrize("before", [0, 4])
def test_a_hinge_is_found_with_its_breakpoint_and_slopes(before: float) -> None:
    found = _measure(_hinge(0.53, 40, before))
    assert found.shape == "sharp" and found.points == 9
    assert found.breakpoint == pytest.approx(0.53, abs=0.01)
    assert found.breakpoint_low is not None and found.breakpoint_high is not None
    assert found.breakpoint_low <= 0.53 <= found.breakpoint_high < found.breakpoint_low + 0.05
    assert (found.slope_before, found.slope_after) == (
        pytest.approx(before / 10, abs=0.06), pytest.approx(4, abs=0.1),
    )  # fmt: skip
    assert found.evidence == pytest.approx((found.aicc_smooth or 0) - (found.aicc_hinge or 0))
    assert found.slope_ratio_low is not None and found.slope_ratio_high is not None
    assert found.slope_ratio_low > 5
    if before:
        assert found.slope_ratio == pytest.approx(10, rel=0.2)
        assert found.slope_ratio_high < 15


@pytest.mark.parametrize("drops", [30 * GRID**5, 20 * GRID**2, 0.1 * np.expm1(6 * GRID)])
def test_smooth_curves_are_smooth(drops: Floats) -> None:
    found = _measure(drops)
    assert found.shape == "smooth" and (found.evidence or 0) < -4


@pytest.mark.parametrize("drops", [_hinge(0.5, 40), 30 * GRID**5, 0 * GRID, 3 * GRID])
def test_what_noise_hides_is_not_resolved(drops: Floats) -> None:
    assert _measure(drops, noise=3).shape == "not resolved"


def test_a_curve_that_does_not_rise_before_its_breakpoint_is_infinitely_steeper_after() -> None:
    found = _measure(_hinge(0.5, 40, before=-3))
    assert found.slope_ratio == found.slope_ratio_high == np.inf


def test_where_a_model_is_lost_the_curve_ends() -> None:
    """A fall to chance levels off there, which is no part of the turn."""
    fall = np.minimum(_hinge(0.55, 80), 20)  # 4, 12 and 20 points
    found = _measure(fall, room=20.0)
    assert (found.points, found.shape) == (7, "sharp")
    assert found.breakpoint == pytest.approx(0.55, abs=0.01)
    assert _measure(fall).points == 9


def test_few_points_tell_nothing() -> None:
    drops = _hinge(0.3, 40)[: LEAST_POINTS - 1]
    assert _measure(drops) == Sharpness("not resolved", LEAST_POINTS - 1)
