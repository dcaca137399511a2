"""Lottery tickets in a study: a chain is extended, not repeated; masks of both figures come out."""

import re
import shutil
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from essential_sparsity.estimate.cost import Machine
from essential_sparsity.estimate.report import describe_plan
from essential_sparsity.masks.mask import Mask
from essential_sparsity.study import jobs
from essential_sparsity.study.document import Study
from project import Project, kill_group, tiny_study

pytestmark = pytest.mark.workflow

STEP = {"criterion": "ticket", "step": 0.2}
FOUND = {**STEP, "tasks": ["mood"], "recipe": "quick"}


def study(sparsities: list[float]) -> dict[str, Any]:
    """Return a study whose runs take their own tickets, and a figure that compares masks."""
    drop = {**tiny_study()["experiments"][0], "masks": [{**STEP, "sparsities": sparsities}]}
    similarity = {
        "name": "similarity",
        "figure": "similarity",
        "models": ["tiny-bert"],
        "masks": [
            {"criterion": "magnitude", "sparsities": [0.4]},
            {**FOUND, "seeds": [1, 2], "sparsities": [0.4]},
            {
                "criterion": "noisy-magnitude",
                "task": "mood",
                "recipe": "quick",
                "sparsities": [0.4],
            },
        ],
    }
    return {**tiny_study(), "experiments": [drop, similarity]}


def test_a_chain_is_cached_round_by_round(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "clone")
    project.write_study(study([0.4]))
    # Seed 1's two rounds serve its run and the comparison; seed 2's serve the comparison.
    assert project.planned()["ticket"] == 4
    project.run("--cores", "2")
    assert project.planned() == {}

    table = pq.read_table(project.results / "studies/tiny/similarity/similarity.parquet")
    assert {row["family_a"] for row in table.to_pylist()} | {
        row["family_b"] for row in table.to_pylist()
    } >= {"magnitude-global"}
    masks = sorted((project.results / "masks/tiny-bert").glob("ticket-*.safetensors"))
    assert len(masks) == 4
    for mask in masks:
        removed = sum(Mask.load(mask).removed().values())
        assert removed == round(float(mask.stem.rpartition("-s")[2]) * 4096)

    # Two rounds more are two rounds more.
    project.write_study(study([0.4, 0.8]))
    assert project.planned()["ticket"] == 2
    assert project.planned()["run"] == 1

    # A chain that lost a round goes on from the one before it.
    for file in project.results.glob("masks/tiny-bert/ticket-*-seed1-*-s0.40.*"):
        file.unlink()
    project.write_study(study([0.4]))
    assert project.planned("masks")["ticket"] == 1


def chain(**more: Any) -> dict[str, Any]:
    """Return a study of one run under a ticket of two rounds."""
    masks = [{**STEP, **more, "sparsities": [0.4]}]
    return {**tiny_study(), "experiments": [{**tiny_study()["experiments"][0], "masks": masks}]}


def found(project: Project) -> dict[str, bytes]:
    """Return what the chain's masks keep, by their sparsity."""
    masks = map(Mask.load, (project.results / "masks/tiny-bert").glob("ticket-*.safetensors"))
    return {
        mask.header.name.rpartition("-")[2]: b"".join(mask.packed[name] for name in mask.matrices)
        for mask in masks
    }


def test_a_chain_whose_study_is_killed_between_and_inside_rounds_finds_the_same(
    tmp_path: Path,
) -> None:
    project = Project.create(tmp_path / "clone")
    project.write_study(chain())
    undisturbed = project.copy(tmp_path / "undisturbed")
    undisturbed.run("--cores", "1")

    first = project.results / "masks/tiny-bert"
    for pattern in ("ticket-*-s0.20.json", "ticket-*-s0.40.json"):
        process = project.start("--cores", "1")
        try:
            deadline = time.monotonic() + 240
            while not any(first.glob(pattern)):
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.05)
        finally:
            kill_group(process)
    # What was found before the second kill is not found again.
    assert project.planned().get("ticket", 0) <= 1
    project.run("--cores", "1")
    assert found(project) == found(undisturbed)
    assert set(found(project)) == {"s0.20", "s0.40"}


def test_a_chain_may_rewind_late_and_keep_its_head(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "clone")
    project.write_study(chain())
    project.run("--cores", "2")
    plain = found(project)
    shutil.rmtree(project.results / "masks")
    project.write_study(chain(rewind=3, head="kept"))
    assert project.planned()["rewind"] == 1
    project.run("--cores", "2")
    late = found(project)
    assert set(late) == set(plain) and late["s0.40"] != plain["s0.40"]
    assert len(list((project.results / "runs").rglob("ticket-*/seed1/metrics.parquet"))) == 2


def test_rounds_are_planned_like_runs(tmp_path: Path) -> None:
    """Two runs (dense, ticket), and four rounds of two seeds' chains, of which two are shared."""
    project = Project.create(tmp_path / "clone")
    document = study([0.4])
    folder = project.folder
    checked = Study.check(document, "study.yaml")
    resolved = jobs.resolve_study(checked, folder, ("study.yaml",), project.results)
    assert len(jobs.runs(resolved)) == 2
    assert len(jobs.trainings(resolved)) == 4
    text = describe_plan(resolved, Machine("cpu", 1.0, 20.0, 1))
    assert re.search(r"^shared ones once +\d+ +0 +6 +0 ", text, re.MULTILINE), text


def test_a_figure_of_masks_has_to_say_whose_tickets(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "clone")
    document = study([0.4])
    document["experiments"][1]["masks"][1] = {**STEP, "sparsities": [0.4]}
    project.write_study(document)
    output = project.run("-n", fails=True)
    assert (
        "error: study.yaml: experiments[1].masks[1]: which masks of criterion 'ticket'? a figure "
        "of masks has no runs that would say so: state tasks, recipe and seeds"
    ) in output
