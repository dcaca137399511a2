import numpy as np
import pytest

from essential_sparsity.estimators.spread import Spread, linearised


def test_mean_squares_are_those_of_an_analysis_of_variance() -> None:
    values = np.array([[3.0, 5, 4, 8], [6, 9, 5, 8], [1, 4, 6, 5]])
    spread = Spread.of(values)
    # By hand: seeds' means 5, 7, 4; examples' means 10/3, 6, 5, 7; the mean 16/3.
    assert spread.between_replicates == pytest.approx(4 * (1 + 25 + 16) / 9 / 2)
    assert spread.between_units == pytest.approx(3 * (4 + 4 / 9 + 1 / 9 + 25 / 9) / 3)
    total = np.square(values - 16 / 3).sum()
    rest = total - 4 * 42 / 9 - 3 * (36 + 4 + 1 + 25) / 9
    assert spread.residual == pytest.approx(rest / 6)
    assert spread.mean_variance == pytest.approx(
        (spread.between_replicates - spread.residual + spread.between_units) / 12
    )


def test_variances_of_known_parts_are_found() -> None:
    rng = np.random.default_rng(3)
    seeds, examples, sets = 4, 200, 3000
    values = (
        rng.normal(0, 0.5, (sets, seeds, 1)) + rng.normal(0, 3, (sets, 1, examples))
        + rng.normal(0, 2, (sets, seeds, examples))
    )  # fmt: skip
    true = 0.25 / seeds + 9 / examples + 4 / (seeds * examples)
    assert values.mean(axis=(1, 2)).var() == pytest.approx(true, rel=0.1)
    assert Spread.of(values).mean_variance.mean() == pytest.approx(true, rel=0.05)


def test_one_seed_has_no_spread_of_seeds() -> None:
    values = np.arange(10.0)[None]
    spread = Spread.of(values)
    assert (spread.between_replicates, spread.residual) == (0, 0)
    assert spread.mean_variance == pytest.approx(values.var(ddof=1) / 10)


def test_a_ratio_is_linearised_as_its_jackknife_says() -> None:
    """The variance over examples is that of the delta method, here by leaving each one out."""
    parts = 1 + np.random.default_rng(0).random((1, 1, 200, 2))

    def ratio(means: np.ndarray) -> np.ndarray:
        return means[..., 0] / means[..., 1]

    (values,) = linearised(parts, ratio)[0]
    assert values.mean() == pytest.approx(ratio(parts.mean(axis=2))[0, 0], rel=1e-12)
    left_out = [ratio(np.delete(parts[0, 0], index, axis=0).mean(axis=0)) for index in range(200)]
    jackknife = np.var(left_out) * 199
    assert values.var(ddof=1) / 200 == pytest.approx(jackknife, rel=0.02)


def test_a_mean_is_linearised_as_itself() -> None:
    parts = np.random.default_rng(0).random((2, 3, 50, 1)) * 100
    np.testing.assert_allclose(linearised(parts, lambda m: m[..., 0]), parts[..., 0], rtol=1e-9)
