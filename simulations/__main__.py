"""Simulates curves with known turning points, and counts how often the estimators are right."""

import os
import sys
import time
from functools import partial
from pathlib import Path
from tempfile import gettempdir

from benchmarks.machine import describe_machine
from simulations import clusters
from simulations.command import Arguments, read_arguments
from simulations.reading import Outcomes
from simulations.report import render
from simulations.trial import Setting, run_trial
from simulations.truth import VALIDATED

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
    Setting(5, 10000, 0),
)


def simulate(arguments: Arguments) -> Outcomes:
    """Return setting → curve → an outcome a data set; the same for any number of processes."""
    outcomes: Outcomes = {}
    sets = arguments.sets
    with arguments.workers() as pool:
        for setting in SETTINGS:
            start = time.perf_counter()
            run = partial(run_trial, setting, arguments.resamples)
            chunk = max(1, sets // (4 * arguments.processes))
            found = list(pool.map(run, range(sets), chunksize=chunk))
            outcomes[setting] = {name: [each[name] for each in found] for name in VALIDATED}
            print(f"{setting}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    return outcomes


def _processor_time() -> float:
    """Return the seconds that this process and those that it waited for have computed."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    """Read the arguments, simulate, print or write."""
    arguments = read_arguments(
        "simulations", __doc__, sets=350, of="setting", resamples=500, document=DOCUMENT
    )
    outcomes = simulate(arguments)
    text = render(
        outcomes,
        sets=arguments.sets,
        resamples=arguments.resamples,
        seconds=_processor_time(),
        machine=describe_machine(Path(gettempdir())),
    )
    if arguments.write:
        _, mark, kept = DOCUMENT.read_text(encoding="utf-8").partition(clusters.BEGIN)
        DOCUMENT.write_text(f"{text}\n{mark}{kept}", encoding="utf-8")
        print(f"{DOCUMENT}: written", file=sys.stderr)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
