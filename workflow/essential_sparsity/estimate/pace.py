"""How long the runs that are left take, by those that were made since the workflow started.

What the machine did so far says more than any estimate: it knows of other work on the machine, of
a scheduler's queue, and of the time between runs.
"""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from essential_sparsity.estimate.runs import Place

Job = Hashable


@dataclass
class Pace:
    """Runs that were started and finished; times are seconds of one clock.

    Attributes:
        estimates: (model, task, recipe) → seconds of a run, where they are known. They say how
            runs of a kind of which none is done yet compare with the others, and no more.
        queued: whether a job that is started may wait for long, as in a scheduler's queue.
    """

    estimates: Mapping[Place, float]
    queued: bool = False
    _began: float = math.inf
    _running: dict[Job, tuple[Place, float]] = field(default_factory=dict)
    _durations: dict[Place, list[float]] = field(default_factory=dict)
    _over: set[Job] = field(default_factory=set)

    def start(self, job: Job, place: Place, now: float) -> None:
        """Note that a run starts, be it once more."""
        self._began = min(self._began, now)
        self._running[job] = place, now
        self._over.discard(job)

    def finish(self, job: Job, now: float) -> bool:
        """Note that a job is done; return whether it is a run."""
        if job not in self._running:
            return False
        place, started = self._running.pop(job)
        self._durations.setdefault(place, []).append(now - started)
        self._over.add(job)
        return True

    def fail(self, job: Job) -> None:
        """Note that a job failed: unless it starts again, it is none of those that are left."""
        if self._running.pop(job, None):
            self._over.add(job)

    @property
    def done(self) -> int:
        """How many runs are done."""
        return sum(map(len, self._durations.values()))

    def left(self, ahead: Mapping[Job, Place]) -> dict[Job, Place]:
        """Return those of the runs that are neither done nor failed."""
        return {job: place for job, place in ahead.items() if job not in self._over}

    def seconds_left(self, ahead: Mapping[Job, Place], now: float) -> float | None:
        """Return how long the runs that are left take, None while too few are done to tell.

        Work is the time of all runs one after the other, as those that are done took on average.
        What is left of it takes as long as it took to do that much.

        Args:
            ahead: job → place of the runs that are not done, those at work among them. Such that
                are done or failed may be there still.
            now: the time.
        """
        ahead = self.left(ahead)
        # In a queue nobody knows how far a job is: half of a round of them has to be through.
        if not self.done or (self.queued and self.done < len(self._running)):
            return None
        expected = {place: self._expected(place) for place in {*ahead.values()}}
        age = {} if self.queued else {j: now - begun for j, (_, begun) in self._running.items()}
        rest = {job: max(0.0, expected[place] - age.get(job, 0.0)) for job, place in ahead.items()}
        begun_work = sum(expected[p] - rest[job] for job, p in ahead.items())
        done_work = sum(map(sum, self._durations.values())) + begun_work
        wall = sum(rest.values()) * (now - self._began) / done_work
        return wall if self.queued else max(wall, *rest.values())

    def _expected(self, place: Place) -> float:
        """Return the seconds of a run: as measured, or else as far from its estimate as others."""
        if place in self._durations:
            return _mean(self._durations[place])
        known = [p for p in self._durations if p in self.estimates]
        if place not in self.estimates or not known:
            return _mean([seconds for some in self._durations.values() for seconds in some])
        measured = sum(sum(self._durations[p]) for p in known)
        estimated = sum(self.estimates[p] * len(self._durations[p]) for p in known)
        return self.estimates[place] * measured / estimated


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
