"""Two `make study` in one folder: one works, the other says who does."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from project import ROOT, Project, environment, kill_group, scores

pytestmark = pytest.mark.workflow


def make_study(project: Project, *arguments: str) -> "subprocess.Popen[str]":
    """Start what a user types, with this interpreter in the place of `.venv`."""
    shutil.copyfile(ROOT / "Makefile", project.folder / "Makefile")
    return subprocess.Popen(
        ["make", "--old-file=setup", "study", "STUDY=study.yaml", *arguments,
         f"BIN={Path(sys.executable).parent}"],
        cwd=project.folder,
        env={**environment(), "PYTHONPATH": str(project.folder / "workflow")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )  # fmt: skip


def finish(process: "subprocess.Popen[str]") -> tuple[int, str]:
    try:
        output, _ = process.communicate(timeout=400)
    except BaseException:
        kill_group(process)
        raise
    return process.returncode, output


def test_of_two_at_once_one_works_and_the_other_names_it(project: Project) -> None:
    expected = scores(project)
    shutil.rmtree(project.results / "runs")
    shutil.rmtree(project.results / "studies")
    both = [make_study(project) for _ in range(2)]
    ended = sorted(map(finish, both))
    (code, first), (refused, second) = ended
    assert (code, refused) == (0, 2), second
    assert "steps (100%) done" in first
    assert f"on {os.uname().nodename} since 2" in second
    assert f" is working in {project.results}" in second
    assert "cannot be locked" in second
    assert scores(project) == expected
    assert project.planned() == {}


def test_a_lock_of_another_machine_is_left_and_may_be_taken_away_by_hand(project: Project) -> None:
    (project.results / "studies/tiny/summary.txt").unlink()
    records = project.results / ".snakemake"
    (records / "owner").write_text("process 7 on far since 2024-02-29 12:00:00 +0000\nfar\n0000\n")
    (records / "locks").mkdir(exist_ok=True)
    (records / "locks/0.output.lock").write_text("studies/tiny/summary.txt\n")
    for _ in range(2):
        code, output = finish(make_study(project))
        assert code == 2
        assert "note: process 7 on far since 2024-02-29 12:00:00 +0000 has locked " in output
        assert "make study ARGS=--unlock" in output
    assert finish(make_study(project, "ARGS=--unlock"))[0] == 0
    code, output = finish(make_study(project))
    assert code == 0, output
    assert "note: " not in output
    assert project.planned() == {}
