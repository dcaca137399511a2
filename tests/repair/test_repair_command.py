"""`make repair` on a finished study: what is damaged is made again, and nothing else is."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from essential_sparsity.repair.__main__ import find
from essential_sparsity.study.jobs import load_study
from essential_sparsity.support.files import read_json, sha256_of
from essential_sparsity.support.tables import origin_of, write_table
from project import Project, environment, scores

from .conftest import only

pytestmark = pytest.mark.workflow

RUN = "runs/tiny-bert/mood/*/{mask}/seed1"
MASK = "magnitude-global-s0.50"


def repair(project: Project, *arguments: str, status: int = 0) -> "tuple[list[str], str]":
    """Run the command; return the lines that name files, and all else that was said."""
    done = subprocess.run(
        [sys.executable, "-m", "essential_sparsity.repair", "study.yaml", *arguments],
        cwd=project.folder,
        env={**environment(), "PYTHONPATH": str(project.folder / "workflow")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == status, done.stdout + done.stderr
    named = [line for line in done.stdout.splitlines() if re.match(r"results/\S+: \w", line)]
    return named, done.stdout + done.stderr


def flip(path: Path, share: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(share * len(content))] ^= 0x21
    path.write_bytes(content)


def digests(project: Project) -> dict[str, str]:
    """Return the digests of all artifacts, by path."""
    parts = ("checkpoints", "tasks", "histograms", "masks", "runs", "studies")
    files = (p for part in parts for p in (project.results / part).rglob("*") if p.is_file())
    return {p.relative_to(project.results).as_posix(): sha256_of(p) for p in files}


def jobs(output: str) -> list[str]:
    return sorted(re.findall(r"^Job \d+: (.+)$", output, re.MULTILINE))


@pytest.mark.long
def test_damage_in_every_stage_is_made_good(project: Project) -> None:
    before, numbers = digests(project), scores(project)
    results = project.results
    damaged = [
        results / "checkpoints/tiny-bert/model.safetensors",
        only(results, "tasks/mood/*/train.parquet"),
        results / "histograms/tiny-bert.safetensors",
        results / f"masks/tiny-bert/{MASK}.safetensors",
        only(results, f"{RUN.format(mask='dense')}/predictions.parquet"),
        results / "studies/tiny/drop/essential.parquet",
        results / "studies/tiny/figures/drop.png",
        results / "studies/tiny/claims.parquet",
    ]
    for number, path in enumerate(damaged):
        flip(path, (number + 1) / 10)
    paths = [path.relative_to(project.folder).as_posix() for path in damaged]

    named, _ = repair(project, "--check", status=1)
    assert [line.split(":")[0] for line in named] == paths
    assert {p for p in digests(project) if p not in before} == set()

    named, output = repair(project)
    assert [line.split(":")[0] for line in named] == paths
    preprocessor = damaged[1].parent.name
    assert jobs(output) == sorted(
        [
            "Checkpoint tiny-bert",
            f"Task data mood for {preprocessor}",
            "Histogram of tiny-bert's magnitudes",
            f"Mask {MASK} of tiny-bert",
            "Run tiny-bert on mood, dense, seed 1",
            "Statistics of experiment drop",
            "Figure drop",
            "Claims of the paper, tested on the study's tables",
        ]
    )
    after = digests(project)
    assert before.keys() == after.keys()
    # A run says how long it took; all else comes back byte for byte.
    changed = {path for path in before if before[path] != after[path]}
    assert {Path(path).name for path in changed} <= {"metrics.parquet", "runs.parquet"}
    assert scores(project) == numbers

    # How long the run took is a number of its experiment, so what tells it is made again.
    assert set(project.planned("study")) <= {"summary", "tidy", "provenance", "report"}
    project.run("study")
    assert scores(project) == numbers and not project.planned("study")
    assert repair(project, "--check")[0] == []


@pytest.mark.long
def test_a_job_that_meets_damage_names_the_file_and_the_remedy(project: Project) -> None:
    mask = project.results / f"masks/tiny-bert/{MASK}.safetensors"
    content = bytearray(mask.read_bytes())
    # As many bits as before: their number does not tell.
    place = next(n for n in range(len(content) - 1, 0, -1) if content[n] not in (0, 255))
    content[place] = (content[place] << 1 | content[place] >> 7) & 255
    mask.write_bytes(content)
    project.edit("study.yaml", "seeds:\n  - 1", "seeds:\n  - 1\n  - 2")
    output = project.run("study", fails=True)
    assert f"error: masks/tiny-bert/{MASK}.safetensors: damaged: its sha256 is not" in output
    assert "`make repair` removes what is damaged" in output
    assert not list(project.results.glob(f"runs/**/{MASK}/seed2/metrics.parquet"))
    named, output = repair(project)
    assert len(named) == 1 and jobs(output) == [f"Mask {MASK} of tiny-bert"]
    assert "Run tiny-bert" not in output
    project.run("study")
    assert list(project.results.glob(f"runs/**/{MASK}/seed2/metrics.parquet"))


def made_from(path: Path, **inputs: str) -> None:
    """Write a run's table anew, as if it had been made from other inputs."""
    table = pq.read_table(path)
    origin: dict[str, Any] = origin_of(table)
    write_table(path, table, {**origin, "inputs": {**origin["inputs"], **inputs}})


@pytest.mark.long
def test_what_a_damaged_mask_led_to_is_made_again(project: Project) -> None:
    """Of tables that were computed while a mask was damaged, and nothing had noticed."""
    numbers = scores(project)
    metrics = only(project.results, f"{RUN.format(mask=MASK)}/metrics.parquet")
    made_from(metrics, mask="0" * 64)
    named, output = repair(project)
    run = metrics.parent.relative_to(project.results).as_posix()
    mask = f"masks/tiny-bert/{MASK}.safetensors"
    assert named[0] == f"results/{run}/metrics.parquet: made from another mask than {mask}"
    assert f"results/studies/tiny/drop/drop.parquet: computed from {run}" in named
    assert "placement/placement.parquet" not in "".join(named)
    made = jobs(output)
    assert f"Run tiny-bert on mood, {MASK}, seed 1" in made
    assert {"Statistics of experiment drop", "Figure drop"} <= set(made)
    assert not [job for job in made if job.startswith(("Mask", "Checkpoint", "Figure placement"))]
    assert scores(project) == numbers
    project.run("study")
    assert repair(project, "--check")[0] == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("checkpoint", "made from another checkpoint than the one in checkpoints/tiny-bert"),
        ("mask", f"made from another mask than masks/tiny-bert/{MASK}.safetensors"),
        ("task", "made from other task data than tasks/mood/tiny-bert-24"),
    ],
)
def test_a_run_of_other_inputs_is_named(project: Project, name: str, said: str) -> None:
    made_from(only(project.results, f"{RUN.format(mask=MASK)}/metrics.parquet"), **{name: "0" * 64})
    study = load_study(project.folder / "study.yaml", project.folder, project.results)
    found = [finding.what for _, finding in find(study)]
    assert found[0] == said and all(what.startswith("computed from") for what in found[1:])


def test_masks_of_another_checkpoint_are_named_with_their_runs(project: Project) -> None:
    from essential_sparsity.support.files import write_json

    path = project.results / "checkpoints/tiny-bert/checkpoint.json"
    document = read_json(path, "checkpoint manifest")
    (path.parent / "config.json").write_text("{}")
    document["files"]["config.json"] = sha256_of(path.parent / "config.json")
    write_json(path, document)
    study = load_study(project.folder / "study.yaml", project.folder, project.results)
    found = {f.path.as_posix(): f.what for _, f in find(study)}
    for mask in ("dense", MASK):
        said = "made from another checkpoint than the one in checkpoints/tiny-bert"
        assert found[f"masks/tiny-bert/{mask}.safetensors"] == said
        run = only(project.results, f"{RUN.format(mask=mask)}/metrics.parquet")
        assert found[run.relative_to(project.results).as_posix()] == said
    assert "studies/tiny/placement/placement.parquet" in found


def test_nothing_to_repair(project: Project) -> None:
    before = digests(project)
    assert repair(project) == ([], "results: all whole\n")
    assert digests(project) == before
    project.results.rename(project.folder / "elsewhere")
    assert "no such folder" in repair(project)[1] and not project.results.exists()
    project.results.mkdir()
    assert "all whole" in repair(project, "--check")[1] and not os.listdir(project.results)
    assert "all whole" in repair(project)[1]


def test_nothing_is_removed_while_somebody_is_at_work(project: Project) -> None:
    path = project.results / f"masks/tiny-bert/{MASK}.safetensors"
    flip(path, 0.9)
    code = (
        "import sys, time; from pathlib import Path\n"
        "from essential_sparsity.support.lock import take\n"
        "take(Path(sys.argv[1]), clear=False); print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(project.results / ".snakemake")],
        env={**environment(), "PYTHONPATH": str(project.folder / "workflow")},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        _, said = repair(project, status=1)
        assert said.startswith(f"error: process {holder.pid} on ") and path.exists()
        assert len(repair(project, "--check", status=1)[0]) == 1
    finally:
        holder.kill()
        holder.wait()


def test_another_study_gets_its_own_back_by_itself(project: Project) -> None:
    """What the study named does not know is removed and left to the study that needs it."""
    whole = only(project.results, "masks/tiny-bert/magnitude-*.safetensors")
    other = whole.with_name("random-layer-seed9-s0.30.safetensors")
    other.write_bytes(whole.read_bytes()[:-1])
    _, said = repair(project)
    assert "1 artifacts removed; 0 of them are of study.yaml" in said
    assert not other.exists() and whole.exists() and not jobs(said)
