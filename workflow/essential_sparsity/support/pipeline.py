"""Snakemake's command line for a study, for callers in Python."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

PROFILES = "profiles"

# Paths on one command line.
_AT_ONCE = 1000


def pipeline_command(
    root: Path, study: Path, results: Path, profile: str, *arguments: str
) -> list[str]:
    """Return the command, to be run in `root`.

    Args:
        root: the repository's root.
        study: the study's file.
        results: the folder of the results.
        profile: the name of a folder in `profiles`.
        arguments: Snakemake's further ones, targets among them.
    """
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
