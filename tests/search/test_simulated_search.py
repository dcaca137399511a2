"""The search held against the full grid on simulated curves: docs/search.md has more of it."""

import numpy as np
import pytest
from scipy.stats import binom

from simulations.search import LATTICE, SEARCH, Comparison, compare, on_lattice
from simulations.trial import Setting

pytestmark = pytest.mark.slow

# Where the examples resolve ε; *early* costs exactly ε at a sparsity that the search may certify.
SETTING = Setting(3, 10_000, 0.3)
CURVES = ("hinge", "hinge off the grid", "sloped hinge", "smooth", "early")
SETS = 6


@pytest.fixture(scope="module")
def comparisons() -> list[Comparison]:
    return [
        Comparison(on_lattice(name), SETTING, [compare(name, SETTING, 100, n) for n in range(SETS)])
        for name in CURVES
    ]


def test_a_search_takes_at_most_a_third_of_the_grids_runs(comparisons: list[Comparison]) -> None:
    for comparison in comparisons:
        assert comparison.grid_runs == (len(LATTICE) + 1) * SETTING.seeds
        assert 3 * max(comparison.runs) <= comparison.grid_runs, comparison.truth.name
        assert max(outcome.rounds for outcome in comparison.outcomes) <= 8
    five = compare("hinge", Setting(5, 2_000, 0.3), 100, 0)
    assert 3 * five.runs <= (len(LATTICE) + 1) * 5


def test_its_error_is_at_most_half_as_much_again(comparisons: list[Comparison]) -> None:
    def errors(of: str) -> list[float]:
        """Return the root mean square errors of the curves, in points of sparsity."""
        return [comparison.error(getattr(comparison, of)) for comparison in comparisons]

    assert np.mean(errors("searches")) <= 1.5 * np.mean(errors("grids"))
    # A step, and two of them on the curve that bends least.
    assert max(errors("searches")) <= 100 * 2 * SEARCH.resolution
    assert sorted(errors("searches"))[-2] <= 100 * SEARCH.resolution


def test_certificates_are_false_no_more_often_than_by_chance(
    comparisons: list[Comparison],
) -> None:
    sets = SETS * len(comparisons)
    assert sum(comparison.false for comparison in comparisons) <= binom.ppf(0.99, sets, 0.05)
    certified = [row["certified"] for each in comparisons for row in each.searches]
    assert np.mean(np.array(certified) > 0) > 0.5


def test_seeds_that_certify_had_no_part_in_the_choice(comparisons: list[Comparison]) -> None:
    for comparison in comparisons:
        for outcome in comparison.outcomes:
            assert outcome.located <= set(range(SETTING.seeds))
            assert len(outcome.certified) == SEARCH.certify
            assert not outcome.certified & outcome.located


def test_a_certificate_is_false_where_the_true_drop_is_epsilon_or_more() -> None:
    truth = on_lattice("early")
    assert [truth.is_false(sparsity) for sparsity in (None, 0.0, 0.075, 0.1, 0.125)] == [
        *(False, False, False),
        *(True, True),
    ]
