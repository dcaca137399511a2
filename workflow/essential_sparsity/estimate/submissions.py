"""What the jobs that are left ask for, as a profile has it: Snakemake is asked, by a dry run."""

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from essential_sparsity.support.errors import UserError, one_line
from essential_sparsity.support.pipeline import PROFILES, pipeline_command

_PACKAGES = Path(__file__).parents[2]


@dataclass(frozen=True)
class Submission:
    """A job, or several that are submitted as one, and what its first attempt asks for.

    Attributes:
        rule: the rule of its jobs.
        jobs: how many they are.
        cores: threads.
        mem_mb: megabytes of memory, None where nothing is asked for.
        runtime: minutes, None where nothing is asked for.
        gpu: GPUs.
    """

    rule: str
    jobs: int
    cores: int
    mem_mb: int | None = None
    runtime: int | None = None
    gpu: int = 0


def read_submissions(study: Path, root: Path, results: Path, profile: str) -> list[Submission]:
    """Return what Snakemake would submit for a study now.

    Args:
        study: the study's file.
        root: the repository's root.
        results: the folder of the results, which need not exist.
        profile: the name of a folder in `profiles`.

    Raises:
        UserError: there is no such profile, or Snakemake refuses the dry run.
    """
    folder = root / PROFILES / profile
    if not (folder / "config.yaml").exists():
        known = ", ".join(sorted(file.parent.name for file in folder.parent.glob("*/config.yaml")))
        raise UserError(f"--profile: {profile}: no such profile; there are {known}")
    # The logger lies beside this package.
    places = [str(_PACKAGES), *filter(None, [os.environ.get("PYTHONPATH")])]
    with tempfile.TemporaryDirectory(prefix="essential-sparsity-") as nowhere:
        # A dry run leaves a folder of its own in the results: not in what is not there yet.
        place = results if results.exists() else Path(nowhere)
        done = subprocess.run(
            pipeline_command(root, study, place, profile, "--dry-run", "--logger", "submissions"),
            cwd=root,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(places)},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        last = one_line(done.stderr.strip().rpartition("\n")[2]).removeprefix("error: ")
        hint = "; try `make cluster`" if "--executor" in last else ""
        raise UserError(f"{folder.relative_to(root)}: Snakemake's dry run fails: {last}{hint}")
    lines = (line for line in done.stdout.splitlines() if line.startswith("{"))
    return [Submission(**json.loads(line)) for line in lines]
