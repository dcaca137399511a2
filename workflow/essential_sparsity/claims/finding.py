"""Findings of checks, and the rule that decides on claims about every model and task."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

from essential_sparsity.estimators.intervals import Interval, widening

Verdict = Literal["holds", "does not", "not resolved", "not run"]

# A bound that is met on paper must not be missed in floating point.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Finding:
    """A verdict, its reason in one line, and the measured value with its unit."""

    verdict: Verdict
    reason: str
    measured: Interval | None = None
    unit: str = ""

    @classmethod
    def by_sign(cls, parts: Sequence[tuple[str, Interval]], unit: str, confidence: float) -> Self:
        """Decide a claim that each of some differences is above 0: by where its interval lies.

        As with `Range`, each has to be above it, and one that is below at a level for all refutes.
        What is measured is the one that decides, or the one nearest to failing. `parts` are of each
        difference a line that tells of it, and its interval.
        """
        reason = "; ".join(text for text, _ in parts)
        factor = widening(confidence, len(parts))
        measured = [interval for _, interval in parts]
        worst = min(measured, key=lambda interval: interval.widened(factor).high)
        if worst.widened(factor).high < 0:
            return cls("does not", reason, worst, unit)
        nearest = min(measured, key=lambda interval: interval.low)
        return cls("holds" if nearest.low > 0 else "not resolved", reason, nearest, unit)

    def with_reason(self, more: str) -> "Finding":
        """Return the finding with a further clause of its reason."""
        return replace(self, reason=f"{self.reason}; {more}") if more else self


@dataclass(frozen=True)
class Case:
    """One of the cases of a claim about all of them, such as a model on a task.

    `floor` is what is certified from below, where that is not the interval's own lower bound.
    `void` says why a case can tell nothing, such as a task that is not learnt; `uncertified` why it
    cannot be certified, so that its interval may refute a claim from below but not support it.
    """

    name: str
    interval: Interval
    floor: float | None = None
    void: str = ""
    uncertified: str = ""

    @property
    def lower(self) -> float:
        """The largest value that the case is known to reach."""
        return self.interval.low if self.floor is None else self.floor


@dataclass(frozen=True)
class Range:
    """The range in which a claim places every case: from `low` to `high`, in `unit`."""

    low: float | None
    high: float | None
    unit: str
    confidence: float

    def decide(self, cases: Sequence[Case]) -> Finding:
        """Decide whether every case lies in the range.

        It holds where each case is shown to lie inside, each at the full level: an
        intersection–union test, which needs no correction. It does not where one case's interval
        lies outside as a whole; as any of them may, intervals are widened for that by Bonferroni,
        which for a single rejection is Holm's method. What is measured is the case that decides,
        or the one nearest to failing.
        """
        factor = widening(self.confidence, len(cases))
        several = len(cases) > 1
        if outside := [case for case in cases if self._excludes(case, factor)]:
            worst = min(outside, key=self._slack)
            is_below = self.low is not None and worst.interval.high < self.low
            beyond = f"below {self.low:g}" if is_below else f"above {self.high:g}"
            reason = f"{worst.name}: {worst.interval.say(self.unit)} is {beyond}"
            if several and not worst.interval.is_exact:
                reason += f", at a level for {len(cases)} comparisons"
            return Finding("does not", reason, worst.interval, self.unit)
        if undecided := [case for case in cases if self._doubt(case)]:
            worst = min(undecided, key=lambda case: (bool(case.void), self._slack(case)))
            counted = f"{len(undecided)} of {len(cases)} undecided: " if several else ""
            reason = f"{counted}{worst.name}: {self._doubt(worst)}"
            if worst.void:
                return Finding("not resolved", reason)
            return Finding("not resolved", reason, worst.interval, self.unit)
        nearest = min(cases, key=self._slack)
        where = f"in all {len(cases)} cases; nearest to failing: " if several else ""
        reason = f"{where}{nearest.name}: {nearest.interval.say(self.unit)}"
        if nearest.floor is not None and self.low is not None:
            reason += f", certified to {nearest.floor:.3g} {self.unit}"
        return Finding("holds", reason, nearest.interval, self.unit)

    def _excludes(self, case: Case, factor: float) -> bool:
        wide = case.interval.widened(factor)
        below = self.low is not None and wide.high < self.low - _ROUNDING
        above = self.high is not None and wide.low > self.high + _ROUNDING
        return not case.void and (below or above)

    def _slack(self, case: Case) -> float:
        """Return how far inside the range a case lies; negative outside."""
        low = math.inf if self.low is None else case.interval.value - self.low
        high = math.inf if self.high is None else self.high - case.interval.value
        return min(low, high)

    def _doubt(self, case: Case) -> str:
        """Return why a case is undecided; empty where it is shown to lie in the range."""
        if case.void:
            return case.void
        text = case.interval.say(self.unit)
        if self.low is not None and case.uncertified:
            return f"{text}, {case.uncertified}"
        if self.low is not None and case.lower < self.low - _ROUNDING:
            if case.floor is None:
                return f"{text} reaches below {self.low:g}"
            certified = f"to {case.floor:.3g}" if case.floor > 0 else "nowhere"
            return f"{text}, certified {certified}, where {self.low:g} would be needed"
        if self.high is not None and case.interval.high > self.high + _ROUNDING:
            return f"{text} reaches above {self.high:g}"
        return ""
