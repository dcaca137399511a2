"""The search held against the full grid on simulated curves: docs/search.md has more of it."""

import pytest

from simulations.search import LATTICE, compare
from simulations.trial import Setting


@pytest.mark.parametrize("curve", ["hinge", "steep"])
def test_a_third_of_the_runs_find_what_the_grid_finds(curve: str) -> None:
    setting = Setting(3, 10_000, 0.3)
    outcome = compare(curve, setting, 200, 0)
    assert 3 * outcome.runs <= (len(LATTICE) + 1) * setting.seeds
    assert outcome.search["estimate"] == pytest.approx(outcome.grid["estimate"], abs=0.025)
    assert outcome.rounds <= 8
