"""Runs one contestant, `module.function`, turn by turn: a turn for every line that it is told.

Prints a number a line: 0 once it is ready, the seconds of each turn by the player's own clock, and
after the last one the peak memory in bytes.
"""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Protocol


class Player(Protocol):
    """What a contestant's function returns, ready for its first turn."""

    def clock(self) -> float:
        """Return the time in seconds, of which differences count."""

    def turn(self) -> None:
        """Do the work once, to its end."""

    def peak(self) -> int:
        """Return the most bytes that were in use."""


def resident_peak() -> int:
    """Return the most bytes of memory that this process had resident since it began.

    The kernel's own mark, as the one that `getrusage` tells may be the parent's, from before this
    program was loaded.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status: no VmHWM")


def main() -> None:
    """Get ready, and take turns until the input ends."""
    module, _, function = sys.argv[1].partition(".")
    get_ready = getattr(import_module(f"benchmarks.contestants.{module}"), function)
    player: Player = get_ready(**json.loads(sys.argv[2]))
    print(0, flush=True)
    for _ in sys.stdin:
        start = player.clock()
        player.turn()
        print(player.clock() - start, flush=True)
    print(player.peak(), flush=True)


if __name__ == "__main__":
    main()
