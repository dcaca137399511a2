"""Snakemake from Python: its command line for a study, and what it measures of jobs."""

import csv
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROFILES = "profiles"

# Paths on one command line.
_AT_ONCE = 1000


def pipeline_command(
    root: Path, study: Path, results: Path, profile: str, *arguments: str
) -> list[str]:
    """Return the command, to be run in `root`, the repository's; targets are `arguments`, too."""
    return [
        *(sys.executable, "-m", "snakemake", *arguments, "--snakefile", str(root / "Snakefile")),
        *("--workflow-profile", str(root / PROFILES / profile)),
        *("--configfile", str(study.resolve()), "--config", f"results={results.resolve()}"),
    ]


def make_targets(
    targets: Sequence[str],
    root: Path,
    study: Path,
    results: Path,
    profile: str,
    *arguments: str,
    **options: Any,
) -> Iterator["subprocess.CompletedProcess[str]"]:
    """Call Snakemake for targets, as often as they are too many for one command line.

    Yield how each call ended; `options` are those of `subprocess.run`, and see `pipeline_command`.
    """
    for start in range(0, len(targets), _AT_ONCE):
        some = targets[start : start + _AT_ONCE]
        command = pipeline_command(root, study, results, profile, *some, *arguments)
        yield subprocess.run(command, cwd=root, text=True, check=False, **options)


@dataclass(frozen=True)
class Benchmark:
    """A job's times in seconds and its largest resident memory in MiB; None where not known."""

    seconds: float | None = None
    cpu_seconds: float | None = None
    memory: float | None = None


def read_benchmark(path: Path) -> Benchmark:
    """Read a benchmark; nothing is known of a job whose benchmark is not there."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            row = next(csv.DictReader(file, delimiter="\t"), {})
    except (FileNotFoundError, UnicodeDecodeError):
        row = {}
    return Benchmark(*(_number(row.get(name)) for name in ("s", "cpu_time", "max_rss")))


def _number(text: str | None) -> float | None:
    # Of a job of less than a second or so, Snakemake sees nothing: it writes NA, or 0.
    try:
        return float(text or "") or None
    except ValueError:
        return None


# In seconds. A look costs about a millisecond.
_INTERVAL = 1


def sample_often() -> None:
    """Let the benchmarks of this Snakemake look at a job once a second.

    It looks every half minute once the first 15 seconds are over, has no setting for that, and
    what a job computes after the last look is lost: half of the CPU time of one of half a minute.
    """
    import snakemake.benchmark
    from snakemake.benchmark import BenchmarkTimer

    def timer(pid: int, record: object, _: float) -> BenchmarkTimer:
        return BenchmarkTimer(pid, record, _INTERVAL)

    snakemake.benchmark.BenchmarkTimer = timer
