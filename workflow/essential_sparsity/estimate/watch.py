"""What is said of the time of runs when a study starts, and now and then while it runs.

Snakemake tells its log of every job that starts and ends, wherever jobs run; a `Watch` listens
there. What the machine did so far says more than any estimate: it knows of other work on the
machine, of a scheduler's queue, and of the time between runs.
"""

import logging
import math
import sys
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from statistics import fmean

from essential_sparsity.estimate.cost import (
    START_UP,
    TFLOPS,
    Device,
    Machine,
    Place,
    run_seconds,
    wall_time,
)
from essential_sparsity.estimate.sizes import Amount, Sizes
from essential_sparsity.study.resolve import Resolved
from essential_sparsity.support.errors import UserError

# Cached runs of each kind that are looked at: a study of thousands has to start at once.
_MOST = 9
# Seconds from one line to the next, at least.
_BETWEEN = 60.0
_MINUTE, _HOUR, _DAY = 60, 3600, 86400

Job = Hashable


def expected_seconds(
    study: Resolved, device: Device, places: Iterable[Place]
) -> dict[Place, Amount]:
    """Return (model, task, recipe) → what a run takes there, on a device of that kind."""
    machine = Machine(device, TFLOPS[device], START_UP, at_once=1)
    sizes = Sizes(study)
    try:
        return {place: run_seconds(study, sizes, machine, place, _MOST)[0] for place in places}
    except UserError:
        # Damaged metrics are for the job that needs them to name.
        return {place: Amount(unknown=frozenset({"metrics"})) for place in places}


def forecast(seconds: Mapping[Place, Amount], runs: Mapping[Place, int], cores: int) -> str:
    """Return a line: how many runs there are, on how many cores, and how long they take.

    Args:
        seconds: (model, task, recipe) → what a run takes there.
        runs: (model, task, recipe) → how many runs start, at least one in all.
        cores: how many of them are at work together.
    """
    count = sum(runs.values())
    at_once = min(cores, count)
    wall = _duration(wall_time(runs, seconds, at_once))
    return f"no GPU: {count:,} run(s) on {at_once} core(s) take {wall}; `make plan` tells more"


def _duration(time: Amount) -> str:
    """Return a time of some seconds in words, as exactly as it may be known."""
    if not time.value:
        return "a time that is not known yet"
    units = ((_DAY, "days"), (_HOUR, "h"))
    unit, name = next((pair for pair in units if time.value > 2 * pair[0]), (_MINUTE, "min"))
    return f"{'more than' if time.unknown else 'about'} {max(1, time.value / unit):,.0f} {name}"


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
            return fmean(self._durations[place])
        known = [p for p in self._durations if p in self.estimates]
        if place not in self.estimates or not known:
            return fmean([seconds for some in self._durations.values() for seconds in some])
        measured = sum(sum(self._durations[p]) for p in known)
        estimated = sum(self.estimates[p] * len(self._durations[p]) for p in known)
        return self.estimates[place] * measured / estimated


class Watch(logging.Handler):
    """Hears of jobs, and prints a line on the standard error stream when a run is done."""

    def __init__(
        self,
        pace: Pace,
        ahead: Callable[[], Mapping[Job, Place]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what the time is told by.

        Args:
            pace: knows of no run yet.
            ahead: returns job → place of the runs that are left, those at work too.
            clock: returns seconds.
        """
        super().__init__()
        self._pace = pace
        self._ahead = ahead
        self._clock = clock
        self._said = clock()

    def emit(self, record: logging.LogRecord) -> None:
        """Note what became of a job; whatever goes wrong, the study goes on."""
        try:
            self._note(vars(record))
        except Exception:
            self.handleError(record)

    def _note(self, said: Mapping[str, object]) -> None:
        # By Snakemake's names for them, in the interface of its logger plugins.
        match said.get("event"):
            case "job_info":
                job = said["jobid"]
                if place := self._ahead().get(job):
                    self._pace.start(job, place, self._clock())
            case "job_error":
                self._pace.fail(said["jobid"])
            case "job_finished":
                now = self._clock()
                if self._pace.finish(said["job_id"], now) and now - self._said >= _BETWEEN:
                    self._tell(now)

    def _tell(self, now: float) -> None:
        left = self._pace.left(self._ahead())
        seconds = self._pace.seconds_left(left, now) if left else None
        if seconds is not None:
            self._said = now
            done, time_left = self._pace.done, _duration(Amount(max(1.0, seconds)))
            print(
                f"{done:,} of {done + len(left):,} runs done, the rest in {time_left} at this pace",
                file=sys.stderr,
                flush=True,
            )
