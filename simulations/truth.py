"""The curves that are simulated: their drops, and where these cross ε."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from essential_sparsity.statistics.spread import Floats

GRID: Floats = np.round(np.arange(0.1, 0.95, 0.1), 2)
DENSE = 80.0
EPSILON = 1.0


@dataclass(frozen=True)
class Truth:
    """A curve: its drop in points at a sparsity, non-decreasing, 0 at 0."""

    name: str
    text: str
    drop: Callable[[Floats], Floats]

    @property
    def drops(self) -> Floats:
        """(points,) at `GRID`."""
        return self.drop(GRID)

    @property
    def turn(self) -> float:
        """The largest sparsity whose drop is at most ε; −∞ and ∞ off the ends of the grid."""
        return self._within(lambda sparsity: float(self.drop(np.array(sparsity))))

    @property
    def turn_on_grid(self) -> float:
        """The same of the points of the grid joined by lines: all that runs on it can tell."""
        drops = self.drops
        return self._within(lambda sparsity: float(np.interp(sparsity, GRID, drops)))

    def _within(self, drop: Callable[[float], float]) -> float:
        if drop(float(GRID[-1])) <= EPSILON:
            return np.inf
        if drop(float(GRID[0])) > EPSILON:
            return -np.inf
        return float(brentq(lambda s: drop(s) - EPSILON, GRID[0], GRID[-1], xtol=1e-9))


def _hinge(at: float, slope: float, before: float = 0.0) -> Callable[[Floats], Floats]:
    return lambda s: before * s + slope * np.maximum(s - at, 0)


TRUTHS = {
    truth.name: truth
    for truth in (
        Truth("hinge", "0 up to 50 %, then 4 points per 10 %", _hinge(0.5, 40)),
        Truth("hinge off the grid", "0 up to 55 %, then 4 points per 10 %", _hinge(0.55, 40)),
        Truth("sloped hinge", "0.1 points per 10 % up to 60 %, then 4", _hinge(0.6, 39, 1)),
        Truth("smooth", "30·s⁵", lambda s: 30 * s**5),
        Truth("line", "0.2 points per 10 %: exactly ε at 50 %", _hinge(0.5, 0, 2)),
        Truth("early", "1 point per 10 %: exactly ε at the first sparsity", _hinge(0, 10)),
        Truth("flat", "0 everywhere: beyond the grid", lambda s: 0 * s),
        Truth("steep", "3 points per 10 %: before the grid", _hinge(0, 30)),
    )
}
