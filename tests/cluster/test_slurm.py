"""Studies through a real Slurm, with what goes wrong there: the numbers are a local run's."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.one_node import Job, OneNode, missing, one_node, wait_for
from project import Project, kill_group, scores, tiny_study

pytestmark = [
    pytest.mark.workflow,
    pytest.mark.cluster,
    pytest.mark.long,
    pytest.mark.skipif(missing() is not None, reason=missing() or ""),
]


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OneNode]:
    with one_node(tmp_path / "slurm") as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def fetched(tmp_path: Path) -> Project:
    """A project of four runs with what `make fetch` leaves."""
    project = Project.create(tmp_path / "clone")
    study = tiny_study()
    study["experiments"] = study["experiments"][:1]
    study["experiments"][0]["seeds"] = [1, 2]
    project.write_study(study)
    project.run("fetch")
    return project


def fit(project: Project, *faults: str) -> None:
    """Fit the profile to a node as small as this, and lay out what runs suffer."""
    profile = "profiles/slurm/config.yaml"
    project.edit(
        profile, "  run:\n    gpu: 1\n", "  run:\n    gpu: 1\n    mem_mb: attempt * 2500\n"
    )
    project.edit(profile, "status-checks: 20", "status-checks: 1")
    # Every run that is done is worth a line here.
    project.edit("workflow/essential_sparsity/estimate/watch.py", "_BETWEEN = 60", "_BETWEEN = 0")
    shutil.copy(Path(__file__).with_name("sitecustomize.py"), project.folder / "workflow")
    (project.folder / "faults").mkdir()
    for position, fault in enumerate(faults):
        (project.folder / "faults" / f"{position}-{fault}.next").touch()


def test_a_study_survives_what_a_cluster_does_to_its_jobs(
    fetched: Project, slurm: OneNode, tmp_path: Path
) -> None:
    """A job is cancelled, one is too slow and one too large, and the node is drained."""
    local = fetched.copy(tmp_path / "local")
    fit(fetched, "hangs", "hangs", "swells")

    def taken(fault: str) -> str:
        """Return the number of the job that suffers it, "" if none does yet."""
        file = fetched.folder / "faults" / f"{fault}.taken"
        return file.read_text() if file.exists() else ""

    def job(id: str) -> Job:
        return next(job for job in slurm.jobs() if job.id == id)

    def runs(*states: str) -> list[Job]:
        jobs = [job for job in slurm.jobs() if job.comment.startswith("rule_run_")]
        return [job for job in jobs if not states or job.state in states]

    def two_hang() -> bool:
        assert process.poll() is None, process.communicate()[0]
        return bool(taken("0-hangs") and taken("1-hangs"))

    beside = local.start("study", "--cores", "1")
    process = fetched.start("study", "--workflow-profile", "profiles/slurm")
    try:
        # Two runs have the node's two GPUs and hang there, two wait.
        wait_for(two_hang, 240, "two runs to start")
        cancelled, slow = taken("0-hangs"), taken("1-hangs")
        assert len(runs("RUNNING")) == len(runs("PENDING")) == 2
        slurm.update_node(State="drain", Reason="test")
        slurm.call("scancel", cancelled)
        slurm.call("scontrol", "update", f"JobId={slow}", "TimeLimit=1")
        wait_for(lambda: job(cancelled).state == "CANCELLED", 60, "the cancelled job to end")
        # Its GPU is free, but the node takes no more: the job's second attempt waits too.
        wait_for(lambda: len(runs("PENDING")) == 3, 60, "a second attempt")
        slurm.update_node(State="resume")
        output, _ = process.communicate(timeout=500)
        expected, _ = beside.communicate(timeout=300)
    finally:
        for started in (process, beside):
            if started.poll() is None:
                kill_group(started)
    assert process.returncode == 0, output
    assert beside.returncode == 0, expected
    # Not before half of a round is through.
    assert "1 of 4 runs done" not in output
    assert re.search(r"^[23] of 4 runs done, the rest in about \d+ min", output, re.MULTILINE)
    assert len(scores(local)) == 8
    assert scores(fetched) == scores(local)
    summary = "studies/tiny/summary.txt"
    assert (fetched.results / summary).read_text() == (local.results / summary).read_text()
    assert fetched.planned() == {}
    assert not list(fetched.results.rglob("*.part"))

    swollen = taken("2-swells")
    log = next(fetched.results.glob(f".snakemake/slurm_logs/**/{swollen}.log")).read_text()
    assert "Exceeded job memory limit" in log
    assert job(slow).state == "TIMEOUT"
    assert len(runs()) == 4 + 3, output
    for failed in (cancelled, slow, swollen):
        first, second = [run for run in runs() if run.comment == job(failed).comment]
        assert (first.id, first.memory, second.state) == (failed, "2500M", "COMPLETED")
        # Twice the memory, and twice the four hours.
        assert (second.memory, second.time) == ("5000M", "8:00:00")
    # Both masks were one job.
    assert len([job for job in slurm.jobs() if "mask" in job.comment]) == 1


def test_any_scheduler_serves_that_has_three_commands(fetched: Project, slurm: OneNode) -> None:
    """Groups, requests and a killed job by the generic profile: its example is Slurm."""
    slurm.update_node(State="drain", Reason="test")
    process = fetched.start("masks", "--workflow-profile", "profiles/cluster-generic")
    try:
        wait_for(lambda: slurm.jobs(), 120, "a submission")
        slurm.call("scancel", slurm.jobs()[0].id)
        slurm.update_node(State="resume")
        output, _ = process.communicate(timeout=300)
    finally:
        if process.poll() is None:
            kill_group(process)
    assert process.returncode == 0, output
    assert len(list(fetched.results.glob("masks/tiny-bert/*.safetensors"))) == 2
    killed, again, masks = slurm.jobs()
    assert (killed.state, again.state, masks.state) == ("CANCELLED", "COMPLETED", "COMPLETED")
    assert (killed.cores, killed.memory, killed.time) == (1, "2000M", "30:00")
    assert (again.cores, again.memory, again.time) == (1, "4000M", "1:00:00")
    # Two masks side by side.
    assert (masks.cores, masks.memory, masks.time) == (2, "4000M", "10:00")
