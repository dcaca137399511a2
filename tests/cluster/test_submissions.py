"""What jobs ask a scheduler for, and which are one submission: no scheduler is needed to tell."""

import importlib.util
from pathlib import Path

import pytest

from project import Project, plan, tiny_study

_PLUGINS = [f"snakemake_executor_plugin_{name}" for name in ("slurm", "cluster_generic")]

pytestmark = [
    pytest.mark.workflow,
    pytest.mark.cluster,
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in _PLUGINS),
        reason="Snakemake's plugins for schedulers are not installed: make cluster",
    ),
]


@pytest.fixture
def fresh(tmp_path: Path) -> Project:
    """A project of which nothing has run, some of whose masks depend on runs."""
    project = Project.create(tmp_path / "clone")
    study = tiny_study()
    tenths = {"criterion": "magnitude", "sparsities": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]}
    trained = {"task": "mood", "recipe": "quick", "sparsities": [0.5]}
    study["experiments"][1] |= {
        "figure": "similarity",
        "masks": [
            tenths,
            {"criterion": "noisy-magnitude", **trained},
            {
                "criterion": "ticket",
                "tasks": ["mood"],
                "recipe": "quick",
                "seeds": [1],
                "step": 0.5,
                "sparsities": [0.5],
            },
            {
                "criterion": "random",
                "scope": "matched",
                "like": "magnitude-global",
                "sparsities": [0.5],
            },
        ],
    }
    project.write_study(study)
    return project


@pytest.mark.parametrize("profile", ["slurm", "cluster-generic"])
def test_masks_that_no_run_comes_before_are_one_submission(fresh: Project, profile: str) -> None:
    done = plan(fresh, "--profile", profile)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    # Dense, seven tenths and the null model of one of them, which waits for it: two levels, the
    # first of eight masks, four at a time. The noisy mask needs a dense run: it is by itself.
    assert ["mask", "10", "2", "1-4", "2,000-8,000", "10-30"] in rows, done.stdout
    assert ["run", "2", "2", "1", "4,000", "240", "1"] in rows
    assert ["ticket", "1", "1", "1", "4,000", "240", "1"] in rows
    assert ["checkpoint", "1", "1", "1", "4,000", "120"] in rows


def test_what_a_site_says_of_its_jobs_is_what_they_ask_for(fresh: Project) -> None:
    profile = "profiles/slurm/config.yaml"
    fresh.edit(profile, "  run:\n    gpu: 1\n", "  run:\n    gpu: 2\n    runtime: attempt * 1440\n")
    fresh.edit(profile, "  masks: 32\n", "  masks: 3\n")
    done = plan(fresh, "--profile", "slurm")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["run", "2", "2", "1", "4,000", "1,440", "2"] in rows, done.stderr
    # Eight that belong together or stand alone, in threes, and the noisy one.
    assert [row[:3] for row in rows if row[:1] == ["mask"]] == [["mask", "10", "4"]]
