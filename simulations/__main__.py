"""Simulates curves with known turning points, and counts how often the estimators are right."""

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import gettempdir

from threadpoolctl import threadpool_limits

from benchmarks.machine import describe_machine
from simulations.report import Outcomes, render
from simulations.trial import Setting, run_trial
from simulations.truth import TRUTHS

DOCUMENT = Path(__file__).parents[1] / "docs/validation.md"

SETTINGS = (
    Setting(1, 2000, 0),
    Setting(1, 2000, 1),
    Setting(2, 2000, 1),
    Setting(3, 2000, 1),
    Setting(5, 2000, 0),
    Setting(5, 2000, 1),
    Setting(5, 2000, 2),
    Setting(10, 2000, 1),
    Setting(5, 500, 1),
    Setting(5, 10000, 1),
)


def simulate(sets: int, resamples: int, processes: int) -> Outcomes:
    """Return setting → curve → an outcome a data set; the same for any number of processes."""
    outcomes: Outcomes = {}
    # One thread a process: matrices are small.
    with ProcessPoolExecutor(processes, initializer=threadpool_limits, initargs=(1,)) as pool:
        for setting in SETTINGS:
            start = time.perf_counter()
            run = partial(run_trial, setting, resamples)
            found = list(pool.map(run, range(sets), chunksize=max(1, sets // (4 * processes))))
            outcomes[setting] = {name: [each[name] for each in found] for name in TRUTHS}
            print(f"{setting}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    return outcomes


def _processor_time() -> float:
    """Return the seconds that this process and those that it waited for have computed."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    """Read the arguments, simulate, print or write."""
    parser = argparse.ArgumentParser(prog="python -m simulations", description=__doc__)
    parser.add_argument("--sets", type=int, default=350, metavar="N", help="data sets a setting")
    parser.add_argument("--resamples", type=int, default=500, metavar="N", help="of each of them")
    parser.add_argument("--processes", type=int, default=1, metavar="N", help="that work at once")
    parser.add_argument("--write", action="store_true", help="write docs/validation.md")
    arguments = parser.parse_args()
    if min(arguments.sets, arguments.processes) < 1 or arguments.resamples < 100:
        parser.error("--sets and --processes take 1 or more, --resamples 100 or more")
    outcomes = simulate(arguments.sets, arguments.resamples, arguments.processes)
    text = render(
        outcomes,
        sets=arguments.sets,
        resamples=arguments.resamples,
        seconds=_processor_time(),
        machine=describe_machine(Path(gettempdir())),
    )
    if arguments.write:
        DOCUMENT.write_text(text, encoding="utf-8")
        print(f"{DOCUMENT}: written", file=sys.stderr)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
