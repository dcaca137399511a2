"""Makes removed artifacts again, those of a study, and nothing else."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from essential_sparsity.repair.artifacts import Artifact
from essential_sparsity.stages.all import STAGES
from essential_sparsity.study.resolve import Resolved
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.pipeline import pipeline_command

# Paths on one command line.
_AT_ONCE = 1000


def is_of(study: Resolved, artifact: Artifact) -> bool:
    """Tell whether the study knows how the artifact is made."""
    stage, names = artifact.stage, artifact.names
    if "study" in names:
        own = {key: value for key, value in names.items() if key != "study"}
        # A path does not tell which kind of figure an experiment has.
        alike = [other for other in STAGES if other.outputs == stage.outputs]
        known = any(own in other.places(study) for other in alike)
        return names["study"] == study.study.study and known
    try:
        for function in stage.inputs.values():
            function(study, names)
        if stage.spec is not None:
            stage.spec(study, names)
    except UserError:
        return False
    return True


def rebuild(
    wanted: Iterable[Artifact], root: Path, study: Path, results: Path, profile: str
) -> int:
    """Have the workflow in `root` make the artifacts; return its exit status.

    One stage at a time: what is made again as it was then makes nothing else run again.
    """
    levels: dict[int, list[str]] = {}
    for artifact in wanted:
        levels.setdefault(artifact.level, []).append(artifact.target)
    for _, targets in sorted(levels.items()):
        for start in range(0, len(targets), _AT_ONCE):
            some = targets[start : start + _AT_ONCE]
            command = pipeline_command(root, study, results, profile, *some)
            if status := subprocess.run(command, cwd=root).returncode:
                return status
    return 0
