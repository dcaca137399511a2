"""Makes removed artifacts again, those of a study, and nothing else."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from essential_sparsity.repair.artifacts import (
    FIGURES,
    MEASUREMENTS,
    ROUNDS,
    STUDY_TABLES,
    TABLES,
    Artifact,
)
from essential_sparsity.study.plan import Plan
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.pipeline import pipeline_command

# Paths on one command line.
_AT_ONCE = 1000


def is_of(plan: Plan, artifact: Artifact) -> bool:
    """Tell whether the plan's study knows how the artifact is made."""
    names = artifact.names
    if artifact.kind in (TABLES, FIGURES):
        return artifact.target in (*plan.all_tables, *plan.all_figures)
    if artifact.kind in STUDY_TABLES or artifact.kind is ROUNDS:
        searches = [experiment.name for experiment in plan.searches()]
        return names["study"] == plan.study.study and (
            artifact.kind is not ROUNDS or names["experiment"] in searches
        )
    try:
        if "model" in names:
            plan.checkpoint_spec(names["model"])
        if "mask" in names:
            plan.mask_spec(names["mask"])
        if "preprocessor" in names:
            plan.task_spec(names["task"], names["preprocessor"])
        elif "recipe" in names:
            plan.recipe(names["task"], names["recipe"])
        if artifact.kind in MEASUREMENTS:
            plan.measurement_spec(artifact.files[0].parts[0], names["set"])
    except UserError:
        return False
    return True


def rebuild(
    wanted: Iterable[Artifact], root: Path, study: Path, results: Path, profile: str
) -> int:
    """Have the workflow in `root` make the artifacts; return its exit status.

    One level at a time: what is made again as it was then makes nothing else run again.
    """
    levels: dict[int, list[str]] = {}
    for artifact in wanted:
        levels.setdefault(artifact.kind.level, []).append(artifact.target)
    for _, targets in sorted(levels.items()):
        for start in range(0, len(targets), _AT_ONCE):
            some = targets[start : start + _AT_ONCE]
            command = pipeline_command(root, study, results, profile, *some)
            if status := subprocess.run(command, cwd=root).returncode:
                return status
    return 0
