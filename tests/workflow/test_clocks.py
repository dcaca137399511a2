"""What files hold decides what runs again; when they were written, or seem to be, does not."""

import json
import os
import random
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from project import Project, tiny_study

pytestmark = pytest.mark.workflow

DAY = 24 * 60 * 60
PAST, FUTURE = 10 * DAY, 4_000_000_000  # January 1970, October 2096


@pytest.fixture(scope="module")
def finished(finished_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A finished study with an imported mask, all made from files of the future."""
    project = finished_project.copy(tmp_path_factory.mktemp("clocks") / "clone")
    save_file(
        {m["name"]: np.eye(*m["shape"], dtype=bool) for m in matrices(project)},
        project.folder / "models/mine.safetensors",
    )
    study = tiny_study()
    study["experiments"][1]["masks"].append(
        {"criterion": "imported", "mask": "mine", "file": "models/mine.safetensors"}
    )
    project.write_study(study)
    for file in outside(project):
        os.utime(file, (FUTURE, FUTURE))
    shutil.rmtree(project.results / "tasks")
    for file in (project.results / "masks").rglob("*"):
        os.utime(file, (FUTURE, FUTURE))
    output = project.run("study", "--forcerun", "run")
    assert re.search(r"note: .*results: \d+ files had times in the future", output)
    return project


def matrices(project: Project) -> list[dict[str, Any]]:
    manifest = project.results / "checkpoints/tiny-bert/checkpoint.json"
    found: list[dict[str, Any]] = json.loads(manifest.read_text())["prunable"]["matrices"]
    return found


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    return finished.copy(tmp_path / "clone")


def outside(project: Project) -> Iterator[Path]:
    """Return what the study is made from that lies outside its results."""
    for folder in ("models", "data", "tiny"):
        yield from (file for file in (project.folder / folder).rglob("*") if file.is_file())


def sources(project: Project) -> Iterator[Path]:
    for folder in ("rules", "workflow", "profiles", "catalog", "envs"):
        yield from (file for file in (project.folder / folder).rglob("*") if file.is_file())


def results(project: Project) -> Iterator[Path]:
    return (file for file in project.results.rglob("*") if file.is_file())


def test_inputs_of_the_future_run_nothing_again(project: Project) -> None:
    assert project.planned() == {}


@pytest.mark.parametrize("turn", range(3))
def test_other_times_run_nothing_again(project: Project, turn: int) -> None:
    """Touched, checked out, restored from a backup, or written while a clock was wrong."""
    times = [PAST, time.time(), FUTURE + DAY]
    for files, when in zip((outside, sources, results), times[turn:] + times[:turn], strict=True):
        for file in files(project):
            os.utime(file, (when, when))
    assert project.planned() == {}


def test_results_whose_times_were_shuffled_run_nothing_again(project: Project) -> None:
    """As copies leave them that keep no times: in the order of the copying."""
    files = sorted(results(project))
    random.Random(1).shuffle(files)
    for number, file in enumerate(files):
        os.utime(file, (time.time(), time.time() - number))
    assert project.planned() == {}


@pytest.mark.parametrize(
    ("changed", "made", "when"),
    [
        ("models/tiny-bert/config.json", "checkpoint", PAST),
        ("data/train.csv", "task", None),
        ("models/mine.safetensors", "mask", FUTURE),
        ("data/evaluation.csv", "task", PAST),
    ],
)
def test_other_contents_run_again_however_old_they_seem(
    project: Project, changed: str, made: str, when: int | None
) -> None:
    """Of the same length as the file whose place they take."""
    file = project.folder / changed
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.unlink()
    file.write_bytes(data)
    os.utime(file, None if when is None else (when, when))
    assert made in project.planned()


def test_what_a_checkpoint_does_not_take_runs_nothing_again(project: Project) -> None:
    """A log of the training that made the model, say, in the model's folder."""
    (project.folder / "models/tiny-bert/training.log").write_text("loss 0.1\n")
    assert project.planned() == {}


def test_a_disk_that_is_not_mounted_today_runs_nothing_again(project: Project) -> None:
    shutil.rmtree(project.folder / "models")
    shutil.rmtree(project.folder / "data")
    assert project.planned() == {}


def test_another_result_in_the_place_of_one_runs_again_what_was_made_from_it(
    project: Project,
) -> None:
    """A table of a run that somebody made anew, elsewhere say, and put here."""
    tables = sorted(project.results.glob("runs/*/*/*/*/seed1/metrics.parquet"))
    shutil.copyfile(tables[0], tables[1])
    assert "drop_statistics" in project.planned()


def test_every_profile_remembers_what_inputs_held(project: Project) -> None:
    for name in ("default", "slurm", "cluster-generic"):
        profile = (project.folder / "profiles" / name / "config.yaml").read_text()
        assert "\nmax-checksum-file-size: 1TB\n" in profile
