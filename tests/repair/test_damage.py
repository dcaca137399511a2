"""One byte changed, or an end cut off, in any artifact: it is found, and nothing else is blamed."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.checkpoints.manifest import load_manifest
from essential_sparsity.masks.histogram import Histogram
from essential_sparsity.masks.mask import load_header
from essential_sparsity.repair.__main__ import find, remove
from essential_sparsity.repair.artifacts import artifacts
from essential_sparsity.study.resolve import Resolved
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import read_json
from essential_sparsity.support.tables import read_table
from essential_sparsity.tasks.manifest import load_task
from project import Project

from .conftest import only

RUN = "runs/tiny-bert/mood/*/dense/seed1"
STUDY = "studies/tiny"
TABLES = (
    f"{RUN}/metrics.parquet",
    f"{RUN}/predictions.parquet",
    "trainings/tiny-bert/*/metrics.parquet",
    "similarity/tiny-bert/*.parquet",
    "distribution/tiny-bert/*.parquet",
    f"{STUDY}/drop/drop.parquet",
    f"{STUDY}/drop/runs.parquet",
    f"{STUDY}/placement/placement.parquet",
    f"{STUDY}/runs.parquet",
    f"{STUDY}/predictions.parquet",
    f"{STUDY}/claims.parquet",
    f"{STUDY}/figures/drop.parquet",
    f"{STUDY}/figures/essential.parquet",
)
DOCUMENTS = (
    f"{RUN}/movement.json",
    f"{STUDY}/drop/search/round1.json",
    f"{STUDY}/provenance.json",
)


def _table(path: Path) -> object:
    return read_table(path, set())


def _document(path: Path) -> object:
    return read_json(path, "file")


def _histogram(path: Path) -> object:
    with Checkpoint.load(path.parents[1] / "checkpoints/tiny-bert") as checkpoint:
        return Histogram.load(path, checkpoint)


def _in_folder(load: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda path: load(path.parent)


# Every kind of file, and what its stages read it with; None where no stage does.
READERS: dict[str, Callable[[Path], object] | None] = {
    "checkpoints/tiny-bert/checkpoint.json": _in_folder(load_manifest),
    "checkpoints/tiny-bert/config.json": _in_folder(load_manifest),
    "checkpoints/tiny-bert/tokenizer.json": _in_folder(load_manifest),
    "checkpoints/tiny-bert/model.safetensors": _in_folder(load_manifest),
    "tasks/mood/*/task.json": _in_folder(load_task),
    "tasks/mood/*/train.parquet": _in_folder(load_task),
    "tasks/mood/*/evaluation.parquet": _in_folder(load_task),
    "histograms/tiny-bert.safetensors": _histogram,
    "masks/tiny-bert/magnitude-*.safetensors": load_header,
    "masks/tiny-bert/magnitude-*.json": _document,
    "rewinds/tiny-bert/*/*/*/*.safetensors": None,
    "trainings/tiny-bert/*/head.safetensors": None,
    **dict.fromkeys(TABLES, _table),
    **dict.fromkeys(DOCUMENTS, _document),
    f"{STUDY}/figures/drop.png": None,
    f"{STUDY}/figures/drop.pdf": None,
}
KINDS = pytest.mark.parametrize("pattern", READERS)


def damages(content: bytes, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield one byte changed in the header, the body, the footer and anywhere, and cuts."""
    size, chance = len(content), random.Random(seed)
    places = [0, 3, 8, size - 1, size - 5, size - 9, size // 2]
    for place in [*places, *(chance.randrange(size) for _ in range(12))]:
        changed = bytes([content[place] ^ chance.randrange(1, 256)])
        yield f"byte {place}", content[:place] + changed + content[place + 1 :]
    for length in (0, size - 1, *(chance.randrange(size) for _ in range(3))):
        yield f"cut to {length}", content[:length]


@KINDS
def test_damage_is_found_and_named(whole: Project, study: Resolved, pattern: str) -> None:
    path = only(whole.results, pattern)
    content = path.read_bytes()
    try:
        for damage, changed in damages(content, seed=len(pattern)):
            path.write_bytes(changed)
            found = find(study)
            named = [finding.path.as_posix() for _, finding in found]
            assert named == [path.relative_to(whole.results).as_posix()], (damage, found)
    finally:
        path.write_bytes(content)
    assert find(study) == []


@pytest.mark.parametrize("pattern", [p for p, read in READERS.items() if read])
def test_damage_stops_whoever_reads(whole: Project, pattern: str) -> None:
    read, path = READERS[pattern], only(whole.results, pattern)
    assert read is not None
    content = path.read_bytes()
    read(path)
    try:
        for damage, changed in damages(content, seed=2 * len(pattern)):
            path.write_bytes(changed)
            with pytest.raises(UserError) as caught:
                read(path)
            assert str(path) in str(caught.value), damage
    finally:
        path.write_bytes(content)


@KINDS
def test_what_is_removed_is_the_artifact_alone(
    whole: Project, study: Resolved, pattern: str, tmp_path: Path
) -> None:
    project = whole.copy(tmp_path / "clone")
    path = only(project.results, pattern)
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0x10
    path.write_bytes(content)
    before = {p for p in project.results.rglob("*") if p.is_file()}
    copied = replace(study, results=project.results)
    (artifact,) = {artifact for artifact, _ in find(copied)}
    remove(project.results, artifact)
    gone = before - {p for p in project.results.rglob("*") if p.is_file()}
    assert path in gone
    together = {"checkpoints", "tasks"} & set(path.relative_to(project.results).parts)
    if together or pattern.startswith(("runs", "trainings")):
        assert {p.parent for p in gone} == {path.parent}
    else:
        # What one job writes is of use together only.
        assert gone == {project.results / file for file in artifact.files}
    assert find(copied) == []


def test_every_file_of_a_study_is_checked(whole: Project) -> None:
    """But for what people read and no stage does, and for what Snakemake keeps for itself."""
    known = {file for artifact in artifacts(whole.results) for file in artifact.files}
    folders = {artifact.files[0].parent for artifact in artifacts(whole.results)}
    left = {
        path.relative_to(whole.results)
        for path in whole.results.rglob("*")
        if path.is_file() and path.relative_to(whole.results) not in known
    }
    left = {p for p in left if p.parts[0] not in (".snakemake", "logs", "benchmarks")}
    left = {
        p for p in left if p.parts[0] not in ("checkpoints", "tasks") or p.parent not in folders
    }
    assert {path.name for path in left} == {"summary.txt", "report.html", "format.json"}


def test_a_missing_part_of_a_folder_is_named(whole: Project, study: Resolved) -> None:
    path = whole.results / "checkpoints/tiny-bert/model.safetensors"
    kept = path.rename(path.with_name("elsewhere"))
    try:
        (found,) = find(study)
    finally:
        kept.rename(path)
    assert found[1].path.name == "model.safetensors"
    assert found[1].what == "missing, though checkpoint.json lists it"


def test_tables_from_before_there_were_seals_pass_if_they_can_be_read(
    whole: Project, study: Resolved
) -> None:
    path = only(whole.results, f"{RUN}/metrics.parquet")
    content = path.read_bytes()
    table = pq.read_table(path)
    metadata = {k: v for k, v in table.schema.metadata.items() if k != b"sealed"}
    try:
        pq.write_table(table.replace_schema_metadata(metadata), path, compression="zstd")
        assert find(study) == []
        path.write_bytes(path.read_bytes()[:-7])
        assert [finding.path.name for _, finding in find(study)] == ["metrics.parquet"]
    finally:
        path.write_bytes(content)
