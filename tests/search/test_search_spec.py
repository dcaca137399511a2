"""The lattice of a search, its beginning, and the seeds that certify."""

import pytest

from essential_sparsity.search.spec import SearchSpec
from essential_sparsity.support.spec import format_sparsity


def test_the_lattice_is_of_decimals_as_a_grid_spells_them() -> None:
    """Else a search and a grid would not share runs, whose paths have the sparsity's text."""
    lattice = SearchSpec().lattice()
    assert lattice == tuple(k / 40 for k in range(1, 37))
    assert {0.1, 0.3, 0.7, 0.575} <= set(lattice)
    assert [format_sparsity(s) for s in SearchSpec(resolution=0.1).lattice()] == [
        f"0.{k}0" for k in range(1, 10)
    ]


def test_the_lattice_ends_at_or_below_the_highest() -> None:
    assert SearchSpec(resolution=0.4, highest=0.9).lattice() == (0.4, 0.8)
    assert SearchSpec(resolution=0.5, highest=0.4).lattice() == ()


def test_a_search_begins_evenly_spaced_and_at_the_end() -> None:
    assert SearchSpec().beginning() == (0.175, 0.35, 0.55, 0.725, 0.9)
    assert SearchSpec(resolution=0.4).beginning() == (0.4, 0.8)


def test_seeds_that_certify_are_none_of_the_search_s() -> None:
    assert SearchSpec(certify=3).certification_seeds((1, 7, 2)) == (8, 9, 10)
    assert SearchSpec(certify=0).certification_seeds((1,)) == ()


@pytest.mark.parametrize("seeds", [1, 2, 5])
def test_the_least_budget_is_that_of_the_first_round_and_of_certification(seeds: int) -> None:
    first = (5 + 1) * min(seeds, 2)
    assert SearchSpec(certify=4).least_budget(5, seeds) == first + 3 * 4
