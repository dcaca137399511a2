"""The curves that are simulated: their drops, and where these cross ε."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq

from essential_sparsity.estimators.spread import Floats

GRID: Floats = np.round(np.arange(0.1, 0.95, 0.1), 2)
FINER: Floats = np.unique(np.concatenate([GRID, [0.525, 0.55, 0.575]]))
DENSE = 80.0
EPSILON = 1.0

# In points or parts of a network: what floating point may move.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Hinge:
    """Two straight lines that meet at the sparsity `at`; slopes are in points, of all sparsity."""

    at: float
    after: float
    before: float = 0.0

    def __call__(self, sparsity: Floats) -> Floats:
        """Return the drops, in points."""
        more = self.after - self.before
        drops: Floats = self.before * sparsity + more * np.maximum(sparsity - self.at, 0)
        return drops

    @property
    def ratio(self) -> float:
        """The slope after the breakpoint over that before it; infinite if that is 0."""
        return self.after / self.before if self.before else np.inf


@dataclass(frozen=True)
class Truth:
    """A curve: its drop in points at a sparsity, non-decreasing, 0 at 0; and where it is measured.

    `grid` is (points,), ascending.
    """

    name: str
    text: str
    drop: Callable[[Floats], Floats]
    grid: Floats

    @property
    def drops(self) -> Floats:
        """(points,) at its grid."""
        return self.drop(self.grid)

    @property
    def turn(self) -> float:
        """The largest sparsity whose drop is at most ε; −∞ and ∞ off the ends of the grid."""
        return self._within(lambda sparsity: float(self.drop(np.array(sparsity))))

    @property
    def turn_on_grid(self) -> float:
        """The same of the points of the grid joined by lines: all that runs on it can tell."""
        drops = self.drops
        return self._within(lambda sparsity: float(np.interp(sparsity, self.grid, drops)))

    @property
    def hinge(self) -> Hinge | None:
        """The hinge, if it is one."""
        return self.drop if isinstance(self.drop, Hinge) else None

    def neighbours(self, low: float, high: float) -> tuple[float, float]:
        """Return the grid's sparsities at or below `low` and at or above `high`.

        They are infinite where there is none.
        """
        points = np.concatenate([[-np.inf], self.grid, [np.inf]])
        below = points[points <= low + ROUNDING].max()
        above = points[points >= high - ROUNDING].min()
        return float(below), float(above)

    def is_false(self, certified: float | None) -> bool:
        """Tell whether a certified sparsity's true drop is ε or more."""
        if certified is None:
            return False
        return float(self.drop(np.array(certified))) >= EPSILON - ROUNDING

    def _within(self, drop: Callable[[float], float]) -> float:
        if drop(float(self.grid[-1])) <= EPSILON:
            return np.inf
        if drop(float(self.grid[0])) > EPSILON:
            return -np.inf
        first, last = self.grid[[0, -1]]
        return float(brentq(lambda s: drop(s) - EPSILON, first, last, xtol=1e-9))


def _line(slope: float) -> Callable[[Floats], Floats]:
    return lambda s: slope * s


TRUTHS = {
    name: Truth(name, text, drop, GRID)
    for name, text, drop in (
        ("hinge", "0 up to 50 %, then 4 points per 10 %", Hinge(0.5, 40)),
        ("hinge off the grid", "0 up to 55 %, then 4 points per 10 %", Hinge(0.55, 40)),
        ("sloped hinge", "0.1 points per 10 % up to 60 %, then 4", Hinge(0.6, 40, 1)),
        ("smooth", "30·s⁵", lambda s: 30 * s**5),
        ("line", "0.2 points per 10 %: exactly ε at 50 %", _line(2)),
        ("early", "1 point per 10 %: exactly ε at the first sparsity", _line(10)),
        ("flat", "0 everywhere: beyond the grid", _line(0)),
        ("steep", "3 points per 10 %: before the grid", _line(30)),
    )
}

# The hinge whose turn the lines of its grid do not show, on a finer one; and one whose bend and
# turn lie within a step of the finer one too.
REFINED = replace(
    TRUTHS["hinge off the grid"],
    name="hinge, finer grid",
    text="the same, measured at 52.5, 55 and 57.5 % too",
    grid=FINER,
)
STEEPER = Truth(
    "steeper hinge, finer grid",
    "0 up to 56 %, then 10 points per 10 %, measured there too",
    Hinge(0.56, 100),
    FINER,
)

# All that the estimators are validated on.
VALIDATED = {**TRUTHS, REFINED.name: REFINED, STEEPER.name: STEEPER}
