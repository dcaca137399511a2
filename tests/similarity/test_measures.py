"""The measures: by hand, against other ways to compute them, and where they are not defined."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from essential_sparsity.similarity import measures


def counts(*values: int) -> list[np.ndarray]:
    return [np.array([value]) for value in values]


def measure(n: int, a: int, b: int, both: int) -> dict[str, float]:
    weights, kept_a, kept_b, shared = counts(n, a, b, both)
    found = {
        "cosine": measures.cosine(kept_a, kept_b, shared),
        "chance": measures.chance_cosine(weights, kept_a, kept_b),
        "kappa": measures.kappa(weights, kept_a, kept_b, shared),
        "overlap": measures.overlap(weights, kept_a, kept_b, shared),
        "overlap_chance": measures.chance_overlap(weights, kept_a, kept_b),
        "jaccard": measures.jaccard(weights, kept_a, kept_b, shared),
        "jaccard_chance": measures.chance_jaccard(weights, kept_a, kept_b),
        "hamming": measures.hamming(kept_a, kept_b, shared),
    }
    return {name: float(value[0]) for name, value in found.items()}


def test_by_hand() -> None:
    """100 weights, of which 80 and 50 are kept, 45 by both: 20 and 50 removed, 15 by both."""
    found = measure(100, 80, 50, 45)
    root = math.sqrt(80 * 50)
    assert found == pytest.approx(
        {
            "cosine": 45 / root,
            "chance": root / 100,
            "kappa": (45 / root - root / 100) / (1 - root / 100),
            "overlap": 15 / 20,
            "overlap_chance": 0.5,
            "jaccard": 15 / 55,
            "jaccard_chance": 10 / 60,
            "hamming": 40,
        }
    )


def test_equal_sparsities_give_the_papers_chance_level() -> None:
    """Two masks of sparsity s that share nothing but chance have the cosine 1 − s, and κ = 0."""
    found = measure(1000, 700, 700, 490)
    assert (found["cosine"], found["chance"]) == pytest.approx((0.7, 0.7))
    assert found["kappa"] == pytest.approx(0)
    found = measure(1000, 700, 700, 630)
    assert found["kappa"] == pytest.approx((0.9 - 0.7) / 0.3)


@pytest.mark.parametrize("kept", [1, 2, 3, 999, 6_476_005_375, 2**40 + 1])
def test_equal_masks_reach_exactly_one(kept: int) -> None:
    found = measure(kept + 1, kept, kept, kept)
    assert found["cosine"] == found["kappa"] == found["overlap"] == found["jaccard"] == 1
    assert found["hamming"] == 0


@given(st.data())
def test_measures_stay_in_their_ranges(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 10**10))
    a, b = data.draw(st.integers(0, n)), data.draw(st.integers(0, n))
    both = data.draw(st.integers(max(0, a + b - n), min(a, b)))
    found, mirrored = measure(n, a, b, both), measure(n, b, a, both)
    for name, value in found.items():
        assert math.isnan(value) or value <= (n if name == "hamming" else 1 + 1e-12)
        assert math.isnan(value) or value >= 0 or name == "kappa"
        assert value == mirrored[name] or (math.isnan(value) and math.isnan(mirrored[name]))


def test_kappa_of_equal_sparsities_is_cohens() -> None:
    generator = np.random.default_rng(0)
    one, other = generator.permutation([True] * 60 + [False] * 40), np.arange(100) < 60
    found = measure(100, 60, 60, int(np.sum(one & other)))
    assert found["kappa"] == pytest.approx(cohen_kappa_score(one, other))


def test_chance_levels_are_what_random_masks_reach() -> None:
    generator = np.random.default_rng(1)
    n, a, b = 400, 300, 160
    rows = []
    for _ in range(400):
        keeps = [generator.permutation(n) < kept for kept in (a, b)]
        rows.append(measure(n, a, b, int(np.sum(keeps[0] & keeps[1]))))
    for name, level in (("cosine", "chance"), ("overlap", "overlap_chance")):
        assert np.mean([row[name] for row in rows]) == pytest.approx(rows[0][level], abs=2e-3)
    # The Jaccard index is no linear function of what is shared: its level is that of the mean.
    assert np.mean([row["jaccard"] for row in rows]) == pytest.approx(
        rows[0]["jaccard_chance"], abs=3e-3
    )
    assert np.mean([row["kappa"] for row in rows]) == pytest.approx(0, abs=1e-2)


COSINE, OVERLAP = {"cosine", "chance"}, {"overlap", "overlap_chance"}
NOT_DEFINED: dict[str, tuple[tuple[int, int, int, int], set[str]]] = {
    "neither removes anything": (
        (9, 9, 9, 9),
        {"kappa", *OVERLAP, "jaccard", "jaccard_chance"},
    ),
    "one removes nothing": ((9, 9, 5, 5), {"kappa", *OVERLAP}),
    "one keeps nothing": ((9, 0, 5, 0), {"kappa", *COSINE}),
    "both keep nothing": ((9, 0, 0, 0), {"kappa", *COSINE}),
    "all against nothing": ((9, 9, 0, 0), {"kappa", *COSINE, *OVERLAP}),
    "an ordinary pair": ((9, 8, 5, 5), set()),
}


@pytest.mark.parametrize("case", NOT_DEFINED)
@pytest.mark.filterwarnings("error")
def test_where_a_measure_is_not_defined(case: str) -> None:
    values, missing = NOT_DEFINED[case]
    found = measure(*values)
    assert {name for name, value in found.items() if math.isnan(value)} == missing


def test_the_layers_explain_what_their_densities_give() -> None:
    """Two matrices of 10 weights. Both masks keep 9 of the first and 1 of the second."""
    n, kept = np.array([[10], [10]]), np.array([[9], [1]])
    by_chance = np.array([[8.1], [0.1]])
    level = measures.chance_cosine_by_layer(n, kept, kept)
    assert level == pytest.approx([8.2 / 10])
    assert measures.kappa_by_layer(n, kept, kept, by_chance) == pytest.approx([0])
    # Without the layers the same masks look alike.
    whole = (by_chance.sum(axis=0), kept.sum(axis=0))
    assert measures.kappa(n.sum(axis=0), whole[1], whole[1], whole[0]) == pytest.approx([0.64])
    assert measures.kappa_by_layer(n, kept, kept, kept) == pytest.approx([1])


@pytest.mark.filterwarnings("error")
def test_layers_that_are_kept_or_removed_whole_leave_nothing_to_compare() -> None:
    n, a, b = np.array([[10], [10]]), np.array([[10], [0]]), np.array([[5], [5]])
    both = np.array([[5], [0]])
    assert measures.chance_cosine_by_layer(n, a, b) == pytest.approx([5 / 10])
    assert np.isnan(measures.kappa_by_layer(n, a, b, both)).all()
    assert np.isnan(measures.chance_cosine_by_layer(n, 0 * a, b)).all()


def test_nesting_violations_by_hand() -> None:
    """The second mask is the sparser one in all, though not in the second matrix."""
    a, b = np.array([[8], [2]]), np.array([[4], [3]])
    both = np.array([[4], [1]])
    assert measures.nesting_violations(a, b, both).tolist() == [[0], [2]]
    assert measures.nesting_violations(b, a, both).tolist() == [[0], [2]]
    nested = np.array([[4], [2]])
    assert measures.nesting_violations(a, nested, nested).sum() == 0


def test_nesting_violations_of_equal_sparsities_are_half_the_difference() -> None:
    a, b, both = np.array([[6], [4]]), np.array([[5], [5]]), np.array([[4], [3]])
    one, other = (measures.nesting_violations(x, y, both) for x, y in ((a, b), (b, a)))
    assert (one.tolist(), other.tolist()) == ([[2], [1]], [[1], [2]])
    assert one.sum() == other.sum() == measures.hamming(a, b, both).sum() / 2
