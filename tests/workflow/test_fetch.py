"""Fetching first: what a study may take from elsewhere, and no more."""

import shutil

import pytest

from project import Project

pytestmark = pytest.mark.workflow


def test_after_fetching_nothing_is_left_to_fetch(project: Project) -> None:
    """Checkpoints and task data are made, and nothing that is computed from them."""
    shutil.rmtree(project.results)
    assert project.planned("fetch") == {"checkpoint": 1, "task": 1}
    project.run("fetch")
    assert project.planned("fetch") == {}
    left = project.planned("study")
    assert left["run"] == 2 and not {"checkpoint", "task"} & left.keys()


@pytest.mark.parametrize("study", ["config.yaml", "studies/gallery.yaml", "studies/minilm.yaml"])
def test_fetching_brings_all_that_a_study_needs(project: Project, study: str) -> None:
    """Tickets, controls and figures of weights too."""
    fetched = project.planned("fetch", study=study)
    needed = project.planned("study", study=study)
    assert fetched == {rule: needed[rule] for rule in ("checkpoint", "task")}
