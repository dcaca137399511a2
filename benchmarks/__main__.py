"""Measures masks, similarity, statistics and fine-tuning beside what one would use instead.

Each contestant runs in a process of its own, with the page cache warm. Ends with 1 if something
that is wanted is not met.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir

from benchmarks.bootstrap import compare_bootstraps
from benchmarks.contestant import Failed
from benchmarks.fine_tuning import compare_masking, compare_steps
from benchmarks.machine import describe_machine, load
from benchmarks.masks import SPARSITIES, compare_patterns, compare_with_torch, measure_large
from benchmarks.report import merge, render
from benchmarks.scratch import Scratch
from benchmarks.section import Section
from benchmarks.similarity import compare_pairs

_Measurement = Callable[[], Section]

DOCUMENT = Path(__file__).parents[1] / "docs/benchmarks.md"


def sections(scratch: Scratch, calls: int, repeats: int) -> dict[str, list[_Measurement]]:
    """Return what there is to measure, by name, in order."""
    casts, rounds = (1, 2) if repeats == 1 else (3, repeats + 2)
    return {
        "bert-base": [lambda: compare_with_torch(scratch, "bert-base", calls, repeats)],
        "opt-1.3b": [lambda: measure_large(scratch, "opt-1.3b", max(1, repeats // 2))],
        "llama-7b": [lambda: measure_large(scratch, "llama-7b", 1)],
        "pattern": [lambda: compare_patterns(scratch, "bert-base", repeats)],
        "similarity": [lambda: compare_pairs(scratch, "bert-base", min(calls, 5), repeats)],
        "bootstrap": [lambda: compare_bootstraps(repeats)],
        "fine-tuning": [
            lambda: compare_steps(scratch, "minilm-l6", casts, rounds),
            lambda: compare_steps(scratch, "bert-base", casts, rounds),
            lambda: compare_masking(scratch, "bert-base", casts, 3 * rounds),
        ],
    }


def main() -> None:
    """Read the arguments, measure, print, write."""
    names = list(sections(Scratch(Path(), False), 1, 1))
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=names, nargs="+", default=names, help="just these")
    parser.add_argument(
        "--quick", action="store_true", help="one call each, few steps, and no large models"
    )
    parser.add_argument(
        "--calls",
        type=int,
        default=len(SPARSITIES),
        metavar="N",
        help="calls of torch's pruning, 1 to 9; fewer are scaled",
    )
    parser.add_argument(
        "--repeats", type=int, default=5, metavar="N", help="of cheap runs, whose medians are shown"
    )
    parser.add_argument(
        "--scratch",
        type=Path,
        default=Path(gettempdir()),
        metavar="FOLDER",
        help="where files go, up to 25 GB (the system's folder if not given)",
    )
    parser.add_argument("--keep", action="store_true", help="keep the checkpoints that were made")
    parser.add_argument(
        "--write",
        action="store_true",
        help="write docs/benchmarks.md, with --only just these parts of it",
    )
    arguments = parser.parse_args()  # fmt: skip
    if arguments.write and arguments.quick:
        parser.error("--write takes a thorough run: leave out --quick")
    calls, repeats = (1, 1) if arguments.quick else (arguments.calls, arguments.repeats)
    if not 1 <= calls <= len(SPARSITIES) or repeats < 1:
        parser.error("--calls takes 1 to 9, --repeats 1 or more")
    # A folder of its own, which may be removed.
    scratch = Scratch(arguments.scratch / "essential-sparsity-bench", arguments.keep)
    scratch.folder.mkdir(parents=True, exist_ok=True)
    machine, busy = describe_machine(scratch.folder), load()
    found = []
    try:
        for name, measurements in sections(scratch, calls, repeats).items():
            if name not in arguments.only or (arguments.quick and name.endswith("b")):
                continue
            print(f"{name} …", file=sys.stderr, flush=True)
            for measure in measurements:
                found.append(measure())
                print(found[-1].markdown(), flush=True)
    except Failed as error:
        sys.exit(f"error: {error}")
    finally:
        scratch.close()
    if arguments.write:
        if arguments.only == names:
            text = render(found, machine, busy)
        else:
            text = merge(DOCUMENT.read_text(encoding="utf-8"), found, machine, busy)
        DOCUMENT.write_text(text, encoding="utf-8")
        print(f"{DOCUMENT}: written", file=sys.stderr)
    if not all(claim.holds for section in found for claim in section.claims):
        sys.exit("error: something that is wanted is not met: see NOT MET above")


if __name__ == "__main__":
    main()
