"""What the tests share: a tiny project that has run once, and copies of it to change."""

import os
from pathlib import Path

import pytest

from project import Project

# Tiny models gain nothing from threads, and lose much where cores are shared.
os.environ["OMP_NUM_THREADS"] = "1"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the finished project as what runs the real pipeline."""
    for item in items:
        if "finished_project" in getattr(item, "fixturenames", ()):
            item.add_marker("workflow")


@pytest.fixture(scope="session")
def finished_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A tiny project whose study has run to its end. Not to be changed: take `project`."""
    project = Project.create(tmp_path_factory.mktemp("finished") / "clone")
    project.run("study")
    return project


@pytest.fixture
def project(finished_project: Project, tmp_path: Path) -> Project:
    """A copy of the finished project, to be changed at will."""
    return finished_project.copy(tmp_path / "clone")
