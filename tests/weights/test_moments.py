import numpy as np
import pytest
from scipy import stats

from essential_sparsity.weights.moments import Moments


def test_moments_by_hand() -> None:
    moments = Moments.of(np.array([1.0, 1.0, 1.0, -3.0]))
    assert (moments.count, moments.mean, moments.largest) == (4, 0, 3)
    assert moments.sigma == pytest.approx(np.sqrt(3))
    assert moments.norm == pytest.approx(np.sqrt(12))
    assert moments.kurtosis == pytest.approx((3 + 81) / 4 / 9 - 3)


@pytest.mark.parametrize("shift", [0.0, 1e4])
@pytest.mark.parametrize("parts", [1, 2, 7])
def test_parts_add_up_to_what_scipy_finds(parts: int, shift: float) -> None:
    draw = np.random.default_rng(4)
    # Skewed, long-tailed, and sorted, so that the parts differ in every moment.
    values = np.sort(draw.lognormal(0, 0.8, 5000)) + shift
    moments = Moments()
    for part in np.array_split(values, [3, 100, 2500][:parts] if parts < 7 else 7):
        moments = moments + Moments.of(part)
    assert moments.count == 5000
    assert moments.mean == pytest.approx(values.mean(), rel=1e-13)
    assert moments.sigma == pytest.approx(values.std(), rel=1e-9)
    assert moments.norm == pytest.approx(np.linalg.norm(values), rel=1e-12)
    assert moments.kurtosis == pytest.approx(stats.kurtosis(values), rel=1e-8)
    assert moments.largest == values.max()


def test_numbers_that_are_all_alike_have_no_spread_and_no_kurtosis() -> None:
    moments = Moments.of(np.full(1000, 0.1)) + Moments.of(np.full(7, 0.1))
    assert moments.sigma == 0
    assert moments.kurtosis is None
    assert Moments.of(np.zeros(3)).kurtosis is None


def test_the_smallest_spread_of_float32_is_one() -> None:
    values = np.ones(10_000, np.float32)
    values[0] = np.nextafter(np.float32(1), np.float32(2))
    assert Moments.of(values.astype(np.float64)).sigma == pytest.approx(values.astype(float).std())
