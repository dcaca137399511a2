"""Contestants that take turns, so that what else the machine does disturbs all of them alike.

Each is a process of its own that lives through all rounds, and works only when it is its turn.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy.stats import quantile_test

from benchmarks.contestant import Cost, Failed

# Has glibc keep what is freed. Else gradients, which every step frees, go back to the kernel and
# are paged in anew, or not, by where in the heap they happen to lie: more than a mask costs.
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40)}


@dataclass(frozen=True)
class Turns:
    """What a contestant's turns took: seconds of each by its own clock, peak bytes of all."""

    seconds: list[float]
    peak: int

    @property
    def cost(self) -> Cost:
        """The medians of a turn; it has no whole process to itself."""
        work = statistics.median(self.seconds)
        return Cost(work, work, work, self.peak)

    def over(self, other: "Turns") -> "Ratio":
        """Return this one's seconds over the other's in the same round."""
        pairs = zip(self.seconds, other.seconds, strict=True)
        return Ratio.of([ours / theirs for ours, theirs in pairs])

    def beyond(self, other: "Turns") -> float:
        """Return the median of this one's seconds less the other's in the same round."""
        pairs = zip(self.seconds, other.seconds, strict=True)
        return statistics.median(ours - theirs for ours, theirs in pairs)


@dataclass(frozen=True)
class Ratio:
    """The median of ratios, and its 95 % interval, which supposes nothing of how they vary."""

    median: float
    interval: tuple[float, float]

    @classmethod
    def of(cls, ratios: list[float]) -> "Ratio":
        """Return that of some; of fewer than six, the interval has no ends."""
        interval = quantile_test(ratios, p=0.5).confidence_interval(0.95)
        return cls(statistics.median(ratios), (float(interval.low), float(interval.high)))


def take_turns(names: list[str], casts: int, rounds: int, **options: Any) -> list[Turns]:
    """Let `benchmarks/contestants/`'s functions `names`, `module.function`, take turns.

    Each returns what is one turn. The first of a round is another one from round to round. How fast
    a process is, is in part luck, in where its memory lies: so all begin anew, `casts` times.

    Args:
        names: which ones.
        casts: how often fresh processes take the place of the old ones.
        rounds: how many turns each process has.
        options: what all of them are given, as JSON.

    Raises:
        Failed: one of them ended with an error.
    """
    said: list[list[float]] = [[] for _ in names]
    peaks: list[list[int]] = [[] for _ in names]
    for _ in range(casts):
        with ExitStack() as stack:
            text = json.dumps(options, default=str)
            players = [stack.enter_context(_player(name, text)) for name in names]
            for player in players:
                player.hear()
            for turn in range(rounds):
                for place in range(len(names)):
                    index = (turn + place) % len(names)
                    said[index].append(players[index].ask())
            for player, found in zip(players, peaks, strict=True):
                found.append(int(player.end()))
    return [Turns(seconds, max(found)) for seconds, found in zip(said, peaks, strict=True)]


@dataclass(frozen=True)
class _Player:
    name: str
    process: "subprocess.Popen[str]"

    def hear(self) -> float:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"{self.name}: ended with {self.process.wait()}")
        return float(line)

    def ask(self) -> float:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.hear()

    def end(self) -> float:
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.hear()


@contextmanager
def _player(name: str, options: str) -> Iterator[_Player]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.contestants.turn", name, options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[1],
        env={**os.environ, **KEEP_MEMORY},
        text=True,
    )
    try:
        yield _Player(name, process)
    finally:
        process.kill()
        process.wait()
