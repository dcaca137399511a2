"""A study handed over as one file: elsewhere its figures are drawn again, and that is all."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from essential_sparsity.masks.mask import load_header
from essential_sparsity.support.files import sha256_of
from project import Project, environment

pytestmark = pytest.mark.workflow


def bundle(project: Project, *arguments: str, fails: bool = False) -> str:
    """Run the command in a project; return what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "essential_sparsity.bundle", *arguments],
        cwd=project.folder,
        env={**environment(), "PYTHONPATH": str(project.folder / "workflow")},
        capture_output=True,
        text=True,
    )
    assert (done.returncode != 0) == fails, done.stderr
    return done.stderr


@pytest.fixture
def other(tmp_path: Path) -> Project:
    """A clone that has nothing: no study, no catalog of its own, no results, no model."""
    project = Project(tmp_path / "other")
    project.clone_sources()
    return project


def figures(project: Project) -> dict[str, str]:
    """Return the digest of every figure's data."""
    found = project.results.glob("studies/tiny/figures/*.parquet")
    return {path.name: sha256_of(path) for path in found}


def test_figures_are_drawn_elsewhere_from_a_bundle_alone(
    finished_project: Project, other: Project, tmp_path: Path
) -> None:
    packed = tmp_path / "tiny.tar.gz"
    said = bundle(finished_project, "pack", "study.yaml", "--output", str(packed))
    assert str(packed) in said
    said = bundle(other, "unpack", str(packed))
    assert "make figures STUDY=study.yaml" in said
    assert not (other.results / "masks").exists() and not (other.results / "runs").exists()
    report = other.results / "studies/tiny/report.html"
    links = set(re.findall(r'href="([^"#:]+)"', report.read_text()))
    assert "predictions.parquet" in links
    assert [link for link in links if not (report.parent / link).is_file()] == []
    drawn = figures(other)
    assert drawn and drawn == figures(finished_project)
    for path in (other.results / "studies/tiny/figures").iterdir():
        path.unlink()
    other.run("figures", "report", "--profile", "profiles/figures", "--forceall")
    assert figures(other) == drawn
    assert report.exists()


def test_masks_come_along_if_asked_for(
    finished_project: Project, other: Project, tmp_path: Path
) -> None:
    packed = tmp_path / "tiny.tar.gz"
    bundle(finished_project, "pack", "study.yaml", "--masks", "--output", str(packed))
    bundle(other, "unpack", str(packed))
    masks = sorted((other.results / "masks/tiny-bert").glob("*.safetensors"))
    assert [load_header(mask).name for mask in masks] == ["dense", "magnitude-global-s0.50"]


OWN = '''"""Keeps what is large."""

from typing import Literal

import numpy as np

from essential_sparsity.checkpoints.manifest import Matrix
from essential_sparsity.masks.criterion import Inputs, Ranking
from essential_sparsity.masks.keys import Values


class Mine(Ranking):
    criterion: Literal["of-my-own"] = "of-my-own"

    def score(self, matrix: Matrix, weights: Values, inputs: Inputs) -> Values:
        return np.abs(weights)
'''


def test_a_criterion_that_is_not_the_projects_is_to_be_sent_along(
    project: Project, other: Project
) -> None:
    said = bundle(project, "pack", "study.yaml", "--output", "b.tar.gz")
    assert "note:" not in said
    module = "workflow/essential_sparsity/masks/criteria/mine.py"
    (project.folder / module).write_text(OWN)
    study = project.read_study()
    study["experiments"][1]["masks"].append({"criterion": "of-my-own", "sparsities": [0.5]})
    project.write_study(study)
    said = bundle(project, "pack", "study.yaml", "--output", "b.tar.gz")
    (note,) = (line for line in said.splitlines() if line.startswith("note:"))
    assert "criterion 'of-my-own' is your own" in note and module in note
    # What the note asks for is enough.
    packed = str(project.folder / "b.tar.gz")
    assert "'of-my-own'" in bundle(other, "unpack", packed, fails=True)
    (other.folder / module).write_text(OWN)
    assert "are in place" in bundle(other, "unpack", packed)


def test_what_is_missing_is_named_before_anything_is_packed(
    project: Project, tmp_path: Path
) -> None:
    (project.results / "studies/tiny/placement/placement.parquet").unlink()
    said = bundle(project, "pack", "study.yaml", "--output", "b.tar.gz", fails=True)
    assert "placement.parquet: no such file; `make study` computes it" in said
    assert not (project.folder / "b.tar.gz").exists()
