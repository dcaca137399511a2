import numpy as np
import pytest
from scipy import stats

from essential_sparsity.estimators.certification import certify, p_noninferior
from essential_sparsity.estimators.spread import Floats, Spread

GRID = np.array([0.2, 0.4, 0.6])


def _p_value(values: Floats, epsilon: float = 1.0) -> float:
    """That of one mask's drops (seeds, examples)."""
    return float(p_noninferior(values.mean(), Spread.of(values), epsilon, values.shape[1]))


def test_where_seeds_alone_differ_the_test_is_students() -> None:
    by_seed = np.array([-2.0, 0.4, 0.1, -1.2])
    values = np.repeat(by_seed[:, None], 10_000, axis=1)
    expected = stats.ttest_1samp(by_seed, 1.0, alternative="less").pvalue
    assert _p_value(values) == pytest.approx(expected, rel=0.02)


def test_where_examples_alone_differ_the_test_is_normal() -> None:
    rng = np.random.default_rng(0)
    values = np.repeat(rng.normal(0.8, 20, (1, 4000)), 3, axis=0)
    error = values[0].std(ddof=1) / np.sqrt(4000)
    expected = stats.norm.cdf((values.mean() - 1) / error)
    assert _p_value(values) == pytest.approx(expected, rel=0.02)


def test_a_mask_that_changes_no_answer_is_not_certified_by_few_examples() -> None:
    """A drop of a point leaves n examples untouched with probability 0.99ⁿ."""
    for examples in (100, 300, 1000):
        assert _p_value(np.zeros((3, examples))) >= 0.99**examples
    assert _p_value(np.zeros((3, 1000))) < 0.01


def test_certificates() -> None:
    def found(*p_values: float) -> tuple[float | None, str]:
        return certify(GRID, np.array(p_values), 0.95)

    assert found(0.05, 0.01, 0.2) == (0.4, "")
    assert found(0.06, 0.01, 0.01) == (0.0, "")
    assert found(0.01, 0.3, 0.01) == (0.2, "")
    assert found(0.01, 0.01, 0.01) == (0.6, "above")


@pytest.mark.parametrize(
    ("seeds", "spread", "common"),
    [(2, 0, 0.5), (2, 1, 0.5), (2, 5, 0.5), (3, 2, 0.8), (5, 0, 0.9), (5, 3, 0.2)],
)
def test_a_drop_of_epsilon_is_certified_in_at_most_one_of_twenty(
    seeds: int, spread: float, common: float
) -> None:
    """Of 1,000 data sets; two standard errors of 5 % are 1.4 points."""
    rng = np.random.default_rng(seeds)
    examples, sets = 300, 1000
    of_seeds = rng.normal(0, spread * 20 / np.sqrt(examples), (sets, seeds, 1))
    of_examples = rng.normal(0, 20 * np.sqrt(common), (sets, 1, examples))
    own = rng.normal(0, 20 * np.sqrt(1 - common), (sets, seeds, examples))
    values = 1 + of_seeds + of_examples + own
    found = p_noninferior(values.mean(axis=(1, 2)), Spread.of(values), 1.0, values.shape[2])
    assert (found <= 0.05).mean() <= 0.064


@pytest.mark.parametrize("seeds", [2, 5])
def test_rare_wrong_answers_are_not_certified_either(seeds: int) -> None:
    """A drop of one point by the very same answers for all seeds: the worst case for counts."""
    rng = np.random.default_rng(1)
    wrong = 100.0 * (rng.random((2000, 1, 400)) < 0.01)
    values = np.repeat(wrong, seeds, axis=1)
    found = p_noninferior(values.mean(axis=(1, 2)), Spread.of(values), 1.0, values.shape[2])
    assert (found <= 0.05).mean() <= 0.06
