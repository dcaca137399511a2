"""What a search runs next: closing in, seeds where they tell, ends, and the budget."""

from collections.abc import Callable

import numpy as np
import pytest

from essential_sparsity.estimators.search import Decision, cost, decide, locate
from essential_sparsity.search.spec import SearchSpec

SETTINGS = SearchSpec(budget=200)
SIZE = len(SETTINGS.lattice())
SEEDS = 4

Drop = Callable[[float], float]


def hinge(place: float) -> float:
    """Nothing up to half of the weights, then a point a step: 1 point at place 21."""
    return max(0.0, place - 20)


def choose(
    seeds: dict[int, int], drop: Drop, noise: float = 0.0, settings: SearchSpec = SETTINGS
) -> Decision:
    """Decide on a curve that is measured as `drop` says; `noise` is its samples' deviation."""
    places = np.array(sorted(seeds), dtype=float)
    drops = np.array([drop(place) for place in places])
    draw = np.random.default_rng(1).standard_normal((len(places), 500))
    samples = drops[:, None] + noise * draw
    crossing = locate(places, drops, samples, np.ones(len(places)), epsilon=1.0, confidence=0.95)
    return decide(
        dict(sorted(seeds.items())),
        crossing,
        settings.lattice(),
        budget=settings.budget,
        certify=settings.certify,
        seeds=SEEDS,
    )


def search(
    drop: Drop, noise: float = 0.0, settings: SearchSpec = SETTINGS
) -> tuple[Decision, list[dict[int, int]]]:
    """Search to the end; return the last decision, and what there was before each."""
    seeds = dict.fromkeys((7, 14, 22, 29, 36), 2)
    rounds = []
    while True:
        rounds.append(seeds)
        decision = choose(seeds, drop, noise, settings)
        if decision.settled:
            return decision, rounds
        assert decision.seeds != seeds, "a round that adds nothing would go on for ever"
        assert all(decision.seeds[place] >= count for place, count in seeds.items())
        seeds = dict(decision.seeds)


def test_a_gap_around_the_crossing_is_divided_in_three() -> None:
    decision = choose(dict.fromkeys((7, 14, 22, 29, 36), 2), hinge)
    assert dict(decision.seeds) == {7: 2, 14: 2, 17: 2, 19: 2, 22: 2, 29: 2, 36: 2}
    assert not decision.settled
    assert decision.reason == "closing in: 42.5, 47.5 %"


def test_without_noise_the_neighbours_of_the_crossing_are_found_and_nothing_else_is_run() -> None:
    decision, rounds = search(hinge)
    assert {20, 21} <= set(decision.seeds) or {21, 22} <= set(decision.seeds)
    assert decision.crossing.estimate == pytest.approx(21)
    assert set(decision.seeds.values()) == {2}
    assert cost(decision.seeds) <= 20
    assert len(rounds) <= 4
    assert decision.reason == "settled"


@pytest.mark.parametrize("turn", range(1, SIZE + 1))
def test_any_crossing_is_found(turn: int) -> None:
    """Wherever it lies, within three rounds after the first, and to a step."""
    decision, rounds = search(lambda place: 2.0 * (place > turn))
    assert turn <= decision.crossing.estimate <= turn + 1 or decision.crossing.estimate == np.inf
    assert (decision.crossing.estimate == np.inf) == (turn == SIZE)
    assert len(rounds) <= 4


def test_a_curve_that_never_drops_ends_the_search_at_once() -> None:
    decision, rounds = search(lambda place: 0.0)
    assert decision.settled
    assert len(rounds) == 1
    assert decision.crossing.estimate == np.inf
    assert decision.certification == (34, 36)  # as high as there is, and a bit below


def test_a_curve_that_drops_at_once_ends_the_search_at_the_first_sparsity() -> None:
    decision, _ = search(lambda place: 5.0)
    assert decision.settled
    assert min(decision.seeds) == 1
    assert decision.crossing.estimate < 1
    assert decision.certification == (1,)


def test_points_all_at_epsilon_are_within_it() -> None:
    decision, _ = search(lambda place: 1.0)
    assert decision.settled
    assert decision.crossing.estimate == np.inf


def test_a_wide_interval_asks_for_seeds_at_the_points_around_the_crossing() -> None:
    there = dict.fromkeys((7, 14, 19, 20, 21, 22, 29, 36), 2)
    decision = choose(there, hinge, noise=1.5)
    more = {place for place in there if decision.seeds[place] > 2}
    assert more <= {20, 21, 22, 29}
    assert {21, 22} <= more or {20, 21} <= more
    assert decision.reason.startswith("more seeds: ")


def test_a_narrow_interval_asks_for_none() -> None:
    there = dict.fromkeys((7, 14, 20, 21, 22, 29, 36), 2)
    assert choose(there, hinge, noise=0.05).settled


def test_no_point_gets_more_seeds_than_there_are() -> None:
    decision, _ = search(hinge, noise=3.0)
    assert decision.settled
    assert max(decision.seeds.values()) == SEEDS


def test_a_single_noisy_point_does_not_decide() -> None:
    """One point that drops among twenty that do not: the fit passes over it."""

    def bump(place: float) -> float:
        return 1.2 if place == 7 else hinge(place)

    decision, _ = search(bump)
    assert decision.crossing.estimate > 20


@pytest.mark.parametrize("budget", [30, 36, 40])
def test_the_budget_is_kept_and_certification_is_within_it(budget: int) -> None:
    settings = SearchSpec(budget=budget)
    decision, _ = search(hinge, noise=3.0, settings=settings)
    fresh = settings.certify * (len(decision.certification) + 1)
    assert cost(decision.seeds) + fresh <= budget
    assert decision.reason == f"the budget of {budget} runs is used up"


def test_what_is_nearest_to_the_crossing_comes_first_where_the_budget_is_short() -> None:
    there = dict.fromkeys((7, 14, 20, 21, 22, 29, 36), 2)
    all_of_it = cost(there) + SETTINGS.reserve()
    settings = SearchSpec(budget=all_of_it + 2)  # one run, and its dense partner
    decision = choose(there, hinge, noise=3.0, settings=settings)
    (place,) = (p for p in there if decision.seeds[p] > 2)
    assert abs(place - decision.crossing.estimate) < 1


def test_certified_are_points_below_the_crossing() -> None:
    decision, _ = search(hinge, noise=0.3)
    assert len(decision.certification) == 2
    assert max(decision.certification) < decision.crossing.estimate
    assert min(decision.certification) <= decision.crossing.low
    assert not choose({20: 4, 21: 4}, hinge, settings=SearchSpec(certify=0)).certification


def test_equal_results_give_equal_decisions() -> None:
    there = dict.fromkeys((7, 14, 22, 29, 36), 2)
    assert choose(there, hinge, noise=1.0) == choose(there, hinge, noise=1.0)
