"""The decision of a search: from the known points of a curve to the runs that tell most about it.

Single points are noisy, so none decides alone: the crossing of ε is that of the isotonic fit of all
points, and its interval that of all resamples.

1. *Bracket.* Between the last point within ε and the first beyond it, two more points, at thirds,
   until they are neighbours on the lattice.
2. *Seeds.* At these two and the next on either side, then at all others, as far as they lie within
   the interval: twice as many, up to all, until the interval is no wider than the resolution. What
   they say may move the bracket: then it is closed anew.
3. *Certification*, once the curve is settled or its budget used up: fresh seeds at two points,
   below the crossing by half and by twice the width between it and the interval's lower end.
   Points are fixed by the search's seeds, and tests are of the fresh ones alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from essential_sparsity.estimators.crossing import Crossing, cross_with_interval, last_crossing
from essential_sparsity.estimators.spread import Floats

# With how many seeds at a point a search begins; at how many points it certifies.
FIRST_SEEDS = 2
CERTIFIED_POINTS = 2

# Of a lattice's step: floating point must not move a crossing off a lattice point.
_ROUNDING = 1e-6

# Below the crossing, as parts of the width down to the interval's lower end. Nearer ones are seldom
# certified, and what is tested first decides whether anything is.
_CERTIFIED_AT = (0.5, 2.0)

# A crossing known within 0.2 of a step more than one is known to a step.
_SLACK = 0.2


@dataclass(frozen=True)
class Decision:
    """The runs of a curve that come next.

    Attributes:
        seeds: place → how many of the search's seeds, those that are there included.
        certification: the places to certify; empty unless settled.
        settled: true if these are all runs of the curve.
        reason: why, in a few words.
        crossing: what it is based on, in steps of the lattice; ∞ if it lies above the last point.
    """

    seeds: Mapping[int, int]
    certification: tuple[int, ...]
    settled: bool
    reason: str
    crossing: Crossing


def decide(
    there: dict[int, int],
    crossing: Crossing,
    lattice: Sequence[float],
    *,
    budget: int,
    certify: int,
    seeds: int,
) -> Decision:
    """Decide what to run next of a curve; the same results give the same decision.

    Args:
        there: place on the lattice, 1 being the lowest sparsity → how many seeds there are.
        crossing: what is known of it, in steps of the lattice; see `locate`.
        lattice: the sparsities that may be tried, ascending and evenly spaced.
        budget: how many runs the curve may have, those that certify and dense ones included.
        certify: with how many fresh seeds the crossing is certified; 0: not at all.
        seeds: how many the search may use at a point.
    """
    size = len(lattice)
    wanted = _next(there, crossing, size, seeds)
    affordable = _afford(there, wanted, crossing, budget - reserve(certify))
    if affordable != there:
        more = _told(there, affordable, lattice)
        return Decision(affordable, (), False, more, crossing)
    reason = "settled" if wanted == there else f"the budget of {budget} runs is used up"
    places = _certified_places(crossing, size) if certify else ()
    return Decision(there, places, True, reason, crossing)


def locate(
    places: Floats,
    drops: Floats,
    samples: Floats,
    weights: Floats,
    *,
    epsilon: float,
    confidence: float,
) -> Crossing:
    """Return where the fitted curve, joined by lines from the dense model on, crosses ε.

    `places` (points,) are those of the lattice, ascending; else see `cross_with_interval`.
    """

    def cross(drops: Floats) -> Floats:
        known = np.insert(drops, 0, 0, axis=-1)
        return last_crossing(np.insert(places, 0, 0), known, epsilon)

    return cross_with_interval(cross, drops, samples, weights, confidence)


def _next(there: dict[int, int], crossing: Crossing, size: int, seeds: int) -> dict[int, int]:
    """Return place → seeds that the crossing asks for, whatever it costs."""
    inside, beyond = _bracket(there, crossing, size)
    if beyond - inside > 1:
        gap = beyond - inside
        thirds = {inside + round(gap / 3), inside + round(2 * gap / 3)} - {inside, beyond}
        return there | {place: min(FIRST_SEEDS, seeds) for place in thirds}
    if crossing.high - crossing.low <= 1 + _SLACK or crossing.low > size:
        return there
    nearest = [*sorted(p for p in there if p < inside)[-1:], inside, beyond]
    nearest += sorted(p for p in there if p > beyond)[:1]
    within = {p for p in there if crossing.low <= p <= crossing.high} | {inside, beyond}
    # The nearest first, then all others.
    for chosen in (within.intersection(nearest), within):
        wanted = {p: min(2 * n, seeds) if p in chosen else n for p, n in there.items()}
        if wanted != there:
            break
    return wanted


def _bracket(there: dict[int, int], crossing: Crossing, size: int) -> tuple[int, int]:
    """Return the points around the crossing: 0 is the dense model, `size` + 1 is off the end."""
    inside = max((p for p in there if p <= crossing.estimate + _ROUNDING), default=0)
    beyond = min((p for p in there if p > crossing.estimate + _ROUNDING), default=size + 1)
    return inside, beyond


def _afford(
    there: dict[int, int], wanted: dict[int, int], crossing: Crossing, budget: int
) -> dict[int, int]:
    """Return as much of `wanted` as the budget admits: what is nearest to the crossing first."""
    chosen = dict(there)
    centre = min(crossing.estimate, max(there) + 1)
    for place in sorted(wanted, key=lambda p: (abs(p - centre), p)):
        for count in range(wanted[place], there.get(place, 0), -1):
            if cost({**chosen, place: count}) <= budget:
                chosen[place] = count
                break
    return chosen


def cost(seeds: Mapping[int, int]) -> int:
    """Return the number of runs, dense ones included."""
    return sum(seeds.values()) + max(seeds.values())


def reserve(certify: int) -> int:
    """Return how many runs are kept for certification with so many seeds, dense ones included."""
    return certify * (CERTIFIED_POINTS + 1)


def _told(there: dict[int, int], wanted: dict[int, int], lattice: Sequence[float]) -> str:
    """Return in words which runs are next."""

    def percents(places: list[int]) -> str:
        return ", ".join(f"{100 * lattice[place - 1]:g}" for place in places) + " %"

    fresh = sorted(set(wanted) - set(there))
    if fresh:
        return f"closing in: {percents(fresh)}"
    return f"more seeds: {percents(sorted(p for p in there if wanted[p] > there[p]))}"


def _certified_places(crossing: Crossing, size: int) -> tuple[int, ...]:
    """Return the places to certify, below the crossing; the last where it lies beyond."""
    width = max(min(crossing.estimate, size) - min(crossing.low, size), 1)
    estimate = min(crossing.estimate, size + min(_CERTIFIED_AT) * width)
    places = {int(np.floor(estimate - part * width + _ROUNDING)) for part in _CERTIFIED_AT}
    return tuple(sorted({max(place, 1) for place in places}))
