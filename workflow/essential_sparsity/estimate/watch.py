"""Says now and then, while a study runs, how many of its runs are done and how long the rest takes.

Snakemake tells its log of every job that starts and ends, wherever jobs run; this listens there.
"""

import logging
import sys
import time
from collections.abc import Callable, Mapping

from essential_sparsity.estimate.amount import Amount
from essential_sparsity.estimate.forecast import duration
from essential_sparsity.estimate.pace import Job, Pace
from essential_sparsity.estimate.runs import Place

# Seconds from one line to the next, at least.
_BETWEEN = 60.0


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
            done, time_left = self._pace.done, duration(Amount(max(1.0, seconds)))
            print(
                f"{done:,} of {done + len(left):,} runs done, the rest in {time_left} at this pace",
                file=sys.stderr,
                flush=True,
            )
