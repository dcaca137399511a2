"""Snakemake's command line for a study, for callers in Python."""

import sys
from pathlib import Path

PROFILES = "profiles"


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
