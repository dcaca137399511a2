"""The workflow as a module of somebody else's: from another folder, under a prefix."""

import subprocess
from pathlib import Path

import pytest

from project import Project, environment

pytestmark = pytest.mark.workflow

OUTER = """\
configfile: "{study}"


module sparsity:
    snakefile:
        "{snakefile}"
    config:
        config | {{"results": "{results}"}}


use rule * from sparsity as sparsity_*


rule mine:
    input:
        rules.sparsity_summary.output,
    output:
        "mine.txt",
    shell:
        "tail -n 1 {{input}} > {{output}}"
"""


def test_another_workflow_uses_this_one_as_a_module(project: Project, tmp_path: Path) -> None:
    """With the results that are there, and one more sparsity: nothing else is made again."""
    study = project.read_study()
    study["experiments"] = study["experiments"][1:]
    study["experiments"][0]["masks"][0]["sparsities"] = [0.5, 0.75]
    project.write_study(study)
    outer = tmp_path / "outer"
    outer.mkdir()
    (outer / "Snakefile").write_text(
        OUTER.format(
            study=project.folder / "study.yaml",
            snakefile=project.folder / "Snakefile",
            results=project.results,
        )
    )
    done = subprocess.run(
        [*project.command("mine", "--cores", "2")[:-2]],
        cwd=outer,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "sparsity_mask" in done.stderr and "sparsity_run" not in done.stderr
    text = (project.results / "mine.txt").read_text()
    assert text.strip().endswith("figures/placement.png")
