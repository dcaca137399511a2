"""What `make plan` says that jobs ask for, by a profile."""

import pytest

from project import Project, plan

pytestmark = pytest.mark.workflow


def test_what_jobs_ask_for_is_told_by_rule(project: Project) -> None:
    study = project.read_study()
    study["experiments"][0]["seeds"] = [1, 2, 3]
    project.write_study(study)
    project.edit(
        "profiles/default/config.yaml",
        "cores: all\n",
        "cores: 4\nset-threads: {tidy: 3}\n"
        "set-resources:\n  run:\n    gpu: 2\n"
        "    runtime: attempt * 1440\n"
        "    mem_mb: 9000 if wildcards.mask == 'dense' else 5000\n",
    )
    done = plan(project, "--profile", "default")
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["Left,", "by", "profiles/default", "jobs", "submissions"] in [row[:5] for row in rows]
    # Two masks, two new seeds: what is cached asks for nothing.
    assert ["run", "4", "4", "1", "5,000-9,000", "1,440", "2"] in rows
    assert ["tidy", "1", "1", "3", "2,000", "60"] in rows
    assert "Assumed: GPUs, as the jobs of profiles/default ask for them." in done.stdout
    assert "CPU-hours" in plan(project, "--profile", "default", "--device", "cpu").stdout
    assert not [row for row in rows if row[:1] in (["mask"], ["study"], ["checkpoint"])]


def test_a_plan_of_nothing_that_is_there_leaves_nothing(project: Project) -> None:
    done = plan(project, "--profile", "default", "--results", "elsewhere")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["mask", "2", "2", "1", "2,000", "10"] in rows, done.stderr
    assert not (project.folder / "elsewhere").exists()
    done = plan(project, "--profile", "default")
    assert ["together", "0", "0"] in [line.split() for line in done.stdout.splitlines()]


def test_a_mistake_gets_one_line(project: Project) -> None:
    done = plan(project, "--profile", "nowhere")
    assert done.returncode == 1
    assert done.stderr == (
        "error: --profile: nowhere: no such profile; "
        "there are cluster-generic, default, figures, slurm\n"
    )
    project.edit("profiles/default/config.yaml", "cores: all", "cores: many")
    done = plan(project, "--profile", "default")
    assert done.returncode == 1
    assert done.stderr.startswith("error: profiles/default: Snakemake's dry run fails: ")
    assert done.stderr.count("\n") == 1
