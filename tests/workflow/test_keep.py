"""Finished results stay across a change of code that changes no number, by a sample made anew."""

import subprocess
import sys

import pytest

from project import Project, environment

pytestmark = pytest.mark.workflow


def keep(project: Project, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "essential_sparsity.keep", "study.yaml", *arguments],
        cwd=project.folder,
        env={**environment(), "PYTHONPATH": str(project.folder / "workflow")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_refactoring_costs_a_sample_and_no_training(project: Project) -> None:
    cuts = "workflow/essential_sparsity/masks/cuts.py"
    project.edit(cuts, "removed = min(rest, ties)", "removed = min(ties, rest)")
    assert project.planned()["mask"] == 2
    before = {file: file.read_bytes() for file in project.results.glob("masks/**/*.safetensors")}
    done = keep(project, "--sample", "1")
    assert done.returncode == 0, done.stderr
    assert "of them were made again and are equal" in done.stdout
    assert "run" not in project.planned() and "mask" not in project.planned()
    assert before == {file: file.read_bytes() for file in before}
    assert not list(project.folder.glob(".sample-*"))


def test_what_changes_a_number_is_not_kept(project: Project) -> None:
    trainer = "workflow/essential_sparsity/runs/training/batches.py"
    project.edit(trainer, ".manual_seed(seed)", ".manual_seed(seed + 1)")
    done = keep(project)
    assert done.returncode == 1
    assert "this code makes something else: differ: runs/tiny-bert/mood/" in done.stderr
    assert project.planned()["run"] == 2


def test_results_of_an_older_version_are_named_and_taken_over(project: Project) -> None:
    """As they were before runs said which mask they were made under."""
    import pyarrow.parquet as pq

    from essential_sparsity.support.tables import origin_of, write_table

    (project.results / "format.json").unlink()
    new = {}
    for path in project.results.glob("runs/**/metrics.parquet"):
        table = pq.read_table(path)
        new[path] = table
        old = table.drop_columns(
            ["criterion", "family", "label", "scope", "pattern", "sparsity", "curves"]
        )
        write_table(path, old, origin_of(table))
    output = project.run("-n", fails=True)
    assert "holds results of an earlier version, which would all be made again" in output
    assert "`make keep STUDY=study.yaml` takes them over" in output
    done = keep(project)
    assert done.returncode == 0, done.stderr
    assert "run" not in project.planned()
    for path, table in new.items():
        again = pq.read_table(path)
        assert again.to_pylist() == table.to_pylist()
