"""What is collected about a study, from artifacts that are there and despite those that are not."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from essential_sparsity.masks.criteria.magnitude import Magnitude
from essential_sparsity.report import provenance
from essential_sparsity.report.provenance import describe_commit, describe_machine
from essential_sparsity.report.spec import ProvenanceSpec
from essential_sparsity.support.errors import UserError, run_stage
from essential_sparsity.support.files import write_json
from essential_sparsity.support.tables import write_table

SPEC = ProvenanceSpec(
    study="tiny",
    models=("bert", "gone"),
    task_data=("tasks/rte/bert-128/task.json",),
    tables=tuple(
        f"studies/tiny/{name}.parquet" for name in ("drop/runs", "placement/placement", "gone/runs")
    ),
)
DENSE, SPARSE = "dense", "magnitude-global-s0.50"
HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time"


def _benchmark(root: Path, path: str, seconds: str, cpu: str = "NA", memory: str = "100") -> None:
    file = root / f"benchmarks/{path}.tsv"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{HEAD}\n{seconds}\t0:00:01\t{memory}\t1\t1\t1\t1\t1\t1\t{cpu}\n")


def _table(path: Path, rows: list[dict[str, object]], **origin: object) -> None:
    write_table(path, pa.Table.from_pylist(rows), origin)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    runs = [f"runs/bert/rte/paper-1/{mask}/seed1" for mask in (DENSE, SPARSE)]
    for run, device in zip(runs, ("cpu", "NVIDIA H100"), strict=True):
        row = {"seconds": 50.0, "device": device, "devices": 2, "precision": "bf16"}
        libraries = {"torch": "2.13.0" if device == "cpu" else "2.12.0"}
        _table(tmp_path / run / "metrics.parquet", [row], python="3.12.1", libraries=libraries)
        _benchmark(tmp_path, run, "60.5", "30.0", "2048")
    _table(tmp_path / "studies/tiny/drop/runs.parquet", [{"run": run} for run in runs])
    label = Magnitude(sparsity=0.215).label()
    rows = [{"model": "bert", "mask": label.name}]
    _table(tmp_path / "studies/tiny/placement/placement.parquet", rows)
    for name, mask in ((SPARSE, Magnitude(sparsity=0.5)), (label.name, Magnitude(sparsity=0.215))):
        write_json(tmp_path / f"masks/bert/{name}.json", {"spec": mask.document()})
        _benchmark(tmp_path, f"masks/bert/{name}", "1.0")
    _benchmark(tmp_path, "masks/bert/of-another-study", "999")
    _benchmark(tmp_path, "histograms/bert", "2.0")
    _benchmark(tmp_path, "studies/tiny/drop/drop", "3.0")
    _benchmark(tmp_path, "studies/tiny/figures/drop.drop", "4.0")
    return tmp_path


def test_time_by_stage_counts_the_studys_own_jobs_alone(root: Path) -> None:
    found = {row["stage"]: row for row in provenance.collect(root, SPEC)["stages"]}
    assert found["runs"] == {
        "stage": "runs", "jobs": 2, "measured": 2, "seconds": 121.0, "cpu_seconds": 60.0,
        "memory_mib": 2048.0, "gpu_seconds": 100.0,
    }  # fmt: skip
    assert (found["masks"]["jobs"], found["masks"]["seconds"]) == (3, 4.0)
    assert found["masks"]["cpu_seconds"] is None
    assert found["statistics"]["seconds"] == 3.0
    assert found["figures"]["seconds"] == 4.0
    # Two models were asked for, of neither is a benchmark there.
    assert (found["checkpoints"]["jobs"], found["checkpoints"]["measured"]) == (2, 0)
    assert found["checkpoints"]["seconds"] is None


def test_runs_devices_and_all_versions(root: Path) -> None:
    found = provenance.collect(root, SPEC)
    assert found["runs"]["count"] == found["runs"]["found"] == 2
    assert {row["device"]: row["trainings"] for row in found["devices"]} == {
        "cpu": 1, "NVIDIA H100": 1
    }  # fmt: skip
    assert found["versions"] == {"python": ["3.12.1"], "torch": ["2.12.0", "2.13.0"]}


def test_what_is_not_there_is_null(tmp_path: Path) -> None:
    found = provenance.collect(tmp_path, SPEC)
    assert found["models"] == {"bert": None, "gone": None}
    assert found["tasks"] == {"tasks/rte/bert-128": None}
    assert found["runs"] == {"count": 0, "found": 0, "first": None, "last": None}
    assert found["versions"] == {}


def test_models_and_tasks_by_what_their_manifests_say(root: Path) -> None:
    matrix = {
        "name": "a.weight", "shape": [2, 3], "dtype": "F32", "file": "model.safetensors",
        "layer": 0, "module": "query", "part": "attention",
    }  # fmt: skip
    source = {"kind": "folder", "path": "/home/ada/models/bert"}
    document = {
        "format_version": 1, "architecture": "bert", "source": source,
        "files": {"model.safetensors": "0" * 64},
        "prunable": {"count": 6, "matrices": [matrix]}, "parameters": {"count": 9},
    }  # fmt: skip
    write_json(root / "checkpoints/bert/checkpoint.json", document)
    splits = {"train": {"examples": 5}}
    task = {"kind": "text-classification", "splits": splits, "spec": {"data": {"kind": "hub"}}}
    write_json(root / "tasks/rte/bert-128/task.json", task)
    found = provenance.collect(root, SPEC)
    assert found["models"]["bert"]["prunable"] == 6
    assert found["models"]["bert"]["source"]["path"] == "~/models/bert"
    assert found["tasks"]["tasks/rte/bert-128"]["data"] == {"kind": "hub"}


def test_a_damaged_table_is_named(root: Path) -> None:
    (root / "studies/tiny/drop/runs.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"drop/runs\.parquet: not a readable Parquet file"):
        provenance.collect(root, SPEC)


def test_the_stage_writes_json(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    output = root / "studies/tiny/provenance.json"
    arguments = ["--spec", SPEC.canonical(), "--output", str(output)]
    monkeypatch.setattr(sys, "argv", ["provenance", *arguments])
    run_stage(provenance.main)
    assert json.loads(output.read_text())["format_version"] == 1


def test_this_machine_has_cores_and_names_nobody() -> None:
    machine = describe_machine()
    assert machine["cores"] >= 1
    assert set(machine) == {"system", "cpu", "cores", "memory_gib", "gpus"}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    (folder / "rules").mkdir(parents=True)
    (folder / "rules/a.smk").write_text("one\n")
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def test_a_commit_is_clean_until_code_changes(clone: Path) -> None:
    found = describe_commit(clone)
    assert len(found["commit"]) == 40
    assert found["clean"] is True
    (clone / "mine.yaml").write_text("study: mine\n")
    assert describe_commit(clone)["clean"] is True, "a study file is no code"
    (clone / "rules/b.smk").write_text("two\n")
    assert describe_commit(clone)["clean"] is False


def test_a_folder_inside_another_clone_or_without_git_has_no_commit(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = {"commit": None, "clean": None}
    assert describe_commit(clone / "rules") == unknown
    assert describe_commit(tmp_path) == unknown
    monkeypatch.setattr(provenance.subprocess, "run", _no_git)
    assert describe_commit(clone) == unknown


def _no_git(*_: object, **__: object) -> None:
    raise FileNotFoundError("git")
