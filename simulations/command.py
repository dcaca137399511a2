"""What both simulations share: their command line, and the processes that do the work."""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from threadpoolctl import threadpool_limits


@dataclass(frozen=True)
class Arguments:
    """How much to simulate, by how many processes, and whether to write the document."""

    sets: int
    resamples: int
    processes: int
    write: bool

    def workers(self) -> ProcessPoolExecutor:
        """Return the processes, with one thread each: matrices are small."""
        return ProcessPoolExecutor(self.processes, initializer=threadpool_limits, initargs=(1,))


def read_arguments(
    module: str, description: str | None, *, sets: int, of: str, resamples: int, document: Path
) -> Arguments:
    """Read the command line.

    Args:
        module: the simulation's, as `python -m` takes it.
        description: what it does.
        sets: how many data sets if not told.
        of: what there are as many of, in a word.
        resamples: how many if not told.
        document: what `--write` writes.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--sets", type=int, default=sets, metavar="N", help=f"data sets a {of}")
    parser.add_argument(
        "--resamples", type=int, default=resamples, metavar="N", help="of each of them"
    )
    parser.add_argument("--processes", type=int, default=1, metavar="N", help="that work at once")
    parser.add_argument("--write", action="store_true", help=f"write docs/{document.name}")
    found = parser.parse_args()
    if min(found.sets, found.processes) < 1 or found.resamples < 100:
        parser.error("--sets and --processes take 1 or more, --resamples 100 or more")
    return Arguments(found.sets, found.resamples, found.processes, found.write)


def write_part(document: Path, begin: str, text: str, end: str) -> None:
    """Put a text between two marks of a document, at its end where there are none."""
    before, _, rest = document.read_text(encoding="utf-8").partition(begin)
    document.write_text(before + begin + text + end + rest.partition(end)[2], encoding="utf-8")
    print(f"{document}: written", file=sys.stderr)
