import numpy as np
import pytest
from sklearn.isotonic import isotonic_regression

from essential_sparsity.estimators.crossing import (
    first_crossing,
    fit_monotone,
    last_crossing,
    locate,
)

GRID = np.array([0.1, 0.2, 0.3, 0.4])
INFINITE = float("inf")


def test_fit_by_hand() -> None:
    drops = np.array([0.0, 2.0, 1.0, 3.0])
    np.testing.assert_allclose(fit_monotone(drops, np.ones(4)), [0, 1.5, 1.5, 3])
    np.testing.assert_allclose(fit_monotone(drops, np.array([1.0, 1, 3, 1])), [0, 1.25, 1.25, 3])


def test_no_fitted_drop_is_negative_as_the_dense_one_is_zero() -> None:
    drops = np.array([-2.0, -1.0, 0.5, 3.0])
    np.testing.assert_allclose(fit_monotone(drops, np.ones(4)), [0, 0, 0.5, 3])
    np.testing.assert_allclose(fit_monotone(np.array([1.0, -2.0]), np.ones(2)), [0, 0])


@pytest.mark.parametrize("points", [1, 2, 9, 19])
def test_fit_agrees_with_scikit_learn(points: int) -> None:
    rng = np.random.default_rng(points)
    drops = rng.normal(np.linspace(0, 3, points), 2, (3, 40, points))
    weights = rng.uniform(0.01, 100, points)
    fits = fit_monotone(drops, weights)
    assert fits.shape == drops.shape
    for fit, curve in zip(fits.reshape(-1, points), drops.reshape(-1, points), strict=True):
        # A dense point that nothing moves.
        expected = isotonic_regression(np.r_[0, curve], sample_weight=np.r_[1e12, weights])[1:]
        np.testing.assert_allclose(fit, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("drops", "first", "last"),
    [
        ([0.0, 0.5, 2.5, 9.0], 0.225, 0.225),
        ([0.5, 1.5, 0.5, 2.5], 0.15, 0.325),  # not monotone: there and back
        ([0.5, 1.5, 2.0, 0.5], 0.15, INFINITE),  # back within ε at the grid's end
        ([2.0, 0.5, 3.0, 4.0], -INFINITE, 0.22),  # beyond ε at once, then back
        ([0.0, -1.0, 0.9, 1.0], INFINITE, INFINITE),  # ε itself costs no more than ε
        ([0.0, 1.0, 2.0, 3.0], 0.2, 0.2),
        ([1.5, 2.0, 3.0, 4.0], -INFINITE, -INFINITE),
        ([0.0, 0.0, 0.0, 0.0], INFINITE, INFINITE),
        ([-3.0, -1.0, 3.0, 5.0], 0.25, 0.25),  # a gain is within ε
    ],
)
def test_crossings_by_hand(drops: list[float], first: float, last: float) -> None:
    curve = np.array(drops)
    assert first_crossing(GRID, curve, 1.0) == pytest.approx(first)
    assert last_crossing(GRID, curve, 1.0) == pytest.approx(last)
    # The same curve as one of many.
    both = np.array([curve, np.zeros(4)])
    assert first_crossing(GRID, both, 1.0).tolist() == pytest.approx([first, INFINITE])
    assert last_crossing(GRID, both, 1.0).tolist() == pytest.approx([last, INFINITE])


def test_rounding_does_not_make_a_drop_of_epsilon_more_than_epsilon() -> None:
    drop = 100 * (0.73 - 0.72)
    assert drop > 1
    for tilted in (1 + 1e-12, drop):
        assert last_crossing(GRID, np.array([0, 0, 0, tilted]), 1.0) == INFINITE
        assert first_crossing(GRID, np.array([0, 0, 0, tilted]), 1.0) == INFINITE
        assert last_crossing(GRID, np.array([0, tilted, 3, 4]), 1.0) == pytest.approx(0.2)
    # Nor is a nearly level piece drawn out beyond its ends.
    level = np.array([0, 1 + 5e-10, 1 + 1.5e-9, 3])
    assert last_crossing(GRID, level, 1.0) == pytest.approx(0.2)


@pytest.mark.parametrize(("drop", "expected"), [(0.5, INFINITE), (1.5, -INFINITE)])
def test_one_sparse_point(drop: float, expected: float) -> None:
    one, curve = np.array([0.5]), np.array([drop])
    assert first_crossing(one, curve, 1.0) == expected
    assert last_crossing(one, curve, 1.0) == expected


def test_epsilon_scales() -> None:
    curve = np.array([0.0, 0.5, 2.5, 9.0])
    assert last_crossing(GRID, curve, 2.0) == pytest.approx(0.275)


def test_locate_says_what_the_grid_cannot_tell() -> None:
    assert locate(0.25, GRID) == (0.25, "")
    assert locate(INFINITE, GRID) == (0.4, "above")
    assert locate(-INFINITE, GRID) == (0.1, "below")
