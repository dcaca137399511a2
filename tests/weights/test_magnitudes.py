import numpy as np
import pytest
from numpy.typing import NDArray

from essential_sparsity.weights.moments import Magnitudes


def exact_gini(values: NDArray[np.float64]) -> float:
    """By sorting: the weighted ranks' formula."""
    ordered = np.sort(np.abs(values))
    n = len(ordered)
    ranks = np.arange(1, n + 1)
    return float(2 * (ranks * ordered).sum() / (n * ordered.sum()) - (n + 1) / n)


def test_gini_by_hand() -> None:
    assert Magnitudes.of(np.array([1.0, -1.0, 1.0])).gini() == pytest.approx(0)
    assert Magnitudes.of(np.array([0.0, 0.0, 0.0, -5.0])).gini() == pytest.approx(3 / 4)
    # Of 1 and 3: one pair at distance 2, counted twice, over 2 · 2² · 2.
    assert Magnitudes.of(np.array([3.0, -1.0])).gini() == pytest.approx(0.25)
    assert Magnitudes.of(np.zeros(4)).gini() is None


@pytest.mark.parametrize("kind", ["normal", "laplace", "uniform", "student"])
def test_gini_is_that_of_an_exact_sort(kind: str) -> None:
    draw = np.random.default_rng(1)
    values = {
        "normal": draw.normal(0, 0.02, 200_000),
        "laplace": draw.laplace(0, 3.0, 200_000),
        "uniform": draw.uniform(0.9, 1.0, 200_000),  # within few bins: the hardest
        "student": draw.standard_t(2, 200_000),
    }[kind]
    found = Magnitudes.of(values[:1000]) + Magnitudes.of(values[1000:])
    assert found.gini() == pytest.approx(exact_gini(values), abs=1e-4)
    scaled = Magnitudes.of(-37.0 * values).gini()
    assert scaled == pytest.approx(found.gini(), abs=1e-4)
    if kind == "normal":
        assert found.gini() == pytest.approx(np.sqrt(2) - 1, abs=2e-3)


def test_gini_of_bfloat16_weights_is_exact() -> None:
    values = np.random.default_rng(2).normal(0, 0.02, 50_000).astype(np.float32)
    values = (values.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32).astype(np.float64)
    assert Magnitudes.of(values).gini() == pytest.approx(exact_gini(values), abs=1e-12)


@pytest.mark.parametrize("share", [0.001, 0.5, 0.999, 1.0])
def test_a_quantile_holds_its_share_and_hardly_more(share: float) -> None:
    values = np.random.default_rng(3).normal(0, 1, 100_000)
    found = Magnitudes.of(values).quantile(share)
    exact = np.quantile(np.abs(values), share, method="inverted_cdf")
    assert exact <= found <= exact * 1.01


def test_a_quantile_among_zeros_is_zero() -> None:
    magnitudes = Magnitudes.of(np.array([0.0, 0.0, 0.0, 5.0]))
    assert magnitudes.quantile(0.75) == 0
    assert magnitudes.quantile(0.76) == pytest.approx(5, rel=0.01)
