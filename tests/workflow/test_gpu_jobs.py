"""Jobs and GPUs: one each, as many at once as there are, and none of it makes a job run again."""

import os
import re
import shutil
import stat
from pathlib import Path

import pytest

from project import RECIPE, Project, tiny_study

pytestmark = pytest.mark.workflow


@pytest.fixture
def two_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose driver knows of two GPUs, which torch cannot use."""
    tool = tmp_path / "tools" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\necho GPU-{os.getpid()}-x\necho GPU-{os.getpid()}-y\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tool.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_what_fits_a_machine_is_no_reason_to_run_again(project: Project) -> None:
    options = ("--set-resources", "run:per_device_batch=3", "run:gpu=1")
    assert project.planned("study", *options) == {}


def test_a_job_has_a_gpu_to_itself_and_there_are_as_many_as_gpus(
    project: Project, two_gpus: None
) -> None:
    study = tiny_study()
    study["experiments"][0]["seeds"] = [1, 2]
    project.write_study(study)
    limit = r"Provided resources: .*gpu=\D*{}\b"
    output = project.run("runs", "--set-resources", "run:per_device_batch=3")
    assert re.search(limit.format(2), output)
    assert "in 3 part(s) of at most 3" in output
    assert "note: on the CPU, as torch" in output
    assert "no GPU" not in output
    study["experiments"][0]["seeds"] = [3]
    project.write_study(study)
    assert re.search(limit.format(1), project.run("runs", "--resources", "gpu=1"))


def test_as_many_jobs_as_there_are_slots_share_the_gpus(project: Project, two_gpus: None) -> None:
    study = tiny_study()
    study["experiments"][0]["seeds"] = [1, 2]
    project.write_study(study)
    slots = ("--config", "gpu_slots=3")
    output = project.run("runs", *slots, "--printshellcmds")
    assert re.search(r"Provided resources: gpu_slots=\D*6\b", output)
    assert len(re.findall(r"--gpus 1 --gpu-share 1/3", output)) == 2
    assert project.planned("runs") == project.planned("runs", *slots) == {}
    study["experiments"][0]["seeds"] = [3]
    project.write_study(study)
    large = "run:gpu_slots=3 if wildcards.model == 'tiny-bert' else 1"
    output = project.run("runs", *slots, "--set-resources", large, "--printshellcmds")
    assert len(re.findall(r"--gpus 1 --gpu-share 3/3", output)) == 2


def test_slots_that_are_none_are_an_error(project: Project) -> None:
    for value in ("0", "half"):
        output = project.run("-n", "--config", f"gpu_slots={value}", fails=True)
        assert f"error: gpu_slots: {value}; it must be a whole number, 1 or more" in output
    output = project.run(
        "runs", "--set-resources", "run:gpu_slots=2", "--forcerun", "run", fails=True
    )
    assert "error: gpu-share: 2/1; a part of one GPU is needed, such as 1/4" in output


def test_without_a_gpu_it_is_said_how_long_the_runs_take_if_there_are_any(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    size = {"megabytes": 1, "parameters": 10_000, "prunable": 9_000}
    project.write_model("tiny-bert", {"kind": "folder", "path": "models/tiny-bert"}, size=size)
    project.write_task("mood", RECIPE, size={"train": 100, "evaluation": 50, "tokens": 9})
    assert "no GPU" not in project.run("study")
    study = tiny_study()
    study["experiments"][0]["seeds"] = [1, 2]
    project.write_study(study)
    assert "no GPU" not in project.run("-n", "study")
    shutil.rmtree(project.results / "masks")
    assert "no GPU" not in project.run("masks")
    output = project.run("runs", "--cores", "1")
    # Those of the new seed, each of which takes 20 s to start, and next to nothing then.
    assert re.search(r"no GPU: 2 run\(s\) on 1 core\(s\) take about \d min; `make plan", output)
    assert output.count("no GPU") == 1
    # A line a minute at most.
    assert "runs done" not in output
    project.edit(
        "workflow/essential_sparsity/estimate/watch.py", "_BETWEEN = 60.0", "_BETWEEN = 0.0"
    )
    study["experiments"][0]["seeds"] = [3]
    project.write_study(study)
    output = project.run("runs", "--cores", "1")
    assert len(re.findall(r"^\d of 2 runs done.*", output, re.MULTILINE)) == 1
    assert "1 of 2 runs done, the rest in about 1 min at this pace" in output


def test_more_gpus_than_there_are_is_an_error_before_anything_runs(project: Project) -> None:
    study = tiny_study()
    study["experiments"][0]["seeds"] = [2]
    project.write_study(study)
    output = project.run("runs", "--set-resources", "run:gpu=1", fails=True)
    assert re.search(r"error: gpu: 1 asked for, visible on .*: none", output)
