"""Runs a contestant in a process of its own, and asks the operating system what it cost."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class Failed(Exception):
    """A contestant did not do its work."""


@dataclass(frozen=True)
class Cost:
    """What one run took: seconds, and bytes of resident memory at the peak.

    `work` is the wall time inside the process, after start and imports; `whole`, `processor` and
    `peak` are those of the whole process, as the operating system counts them.
    """

    work: float
    whole: float
    processor: float
    peak: int

    @classmethod
    def median(cls, costs: list["Cost"]) -> "Cost":
        """Return the median of each."""
        return cls(
            statistics.median(cost.work for cost in costs),
            statistics.median(cost.whole for cost in costs),
            statistics.median(cost.processor for cost in costs),
            int(statistics.median(cost.peak for cost in costs)),
        )

    def extended(self, more: "Cost", times: float) -> "Cost":
        """Return the cost of what is done once, this, and `times` what `more` took beyond it."""
        return Cost(
            self.work + times * (more.work - self.work),
            self.whole + times * (more.whole - self.whole),
            self.processor + times * (more.processor - self.processor),
            more.peak,
        )


def measure(
    name: str, repeats: int = 1, before: Callable[[], None] = lambda: None, **options: Any
) -> Cost:
    """Run `benchmarks/contestants/`'s function `name`, `module.function`; return the medians.

    Args:
        name: which one.
        repeats: how often.
        before: called before each run; its time does not count.
        options: what the function is given, as JSON.

    Raises:
        Failed: it ended with an error.
    """
    costs = []
    for _ in range(repeats):
        before()
        costs.append(_run(name, json.dumps(options, default=str)))
    return Cost.median(costs)


def _run(name: str, options: str) -> Cost:
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.contestants", name, options],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[1],
    )
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    whole = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Failed(f"{name} {options}: ended with {process.returncode}")
    return Cost(
        work=float(said), whole=whole, processor=usage.ru_utime + usage.ru_stime,
        peak=usage.ru_maxrss * 1024,
    )  # fmt: skip
