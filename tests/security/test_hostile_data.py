"""Data from a stranger: columns of text, images and numbers, and nothing that runs or reads."""

import io
import os
import pickle
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from essential_sparsity.support.errors import UserError
from essential_sparsity.tasks.local_files import load
from essential_sparsity.tasks.manifest import TaskData
from essential_sparsity.tasks.spec import LocalFiles
from miniatures import save_bert, save_vit
from stages import Stages

SCRIPT = "<script>alert(1)</script>"
LABELS = [SCRIPT, "../../x", "$(touch evil)", "a\nb"]


class Bomb:
    """What leaves a trace if it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return tmp_path / "it-ran"


def write(folder: Path, table: pa.Table) -> dict[str, str]:
    """Write both splits as Parquet; return the task's data."""
    files = {}
    for split in ("train", "evaluation"):
        pq.write_table(table, folder / f"{split}.parquet")
        files[split] = str(folder / f"{split}.parquet")
    return {"kind": "files", **files}


@pytest.mark.parametrize("name", ["arrow.py_extension_type", "datasets.features.features.Array2D"])
def test_a_pickle_in_a_files_schema_is_not_loaded(name: str, tmp_path: Path, trace: Path) -> None:
    """Arrow once kept Python's own types as pickles, and loaded them with the file."""
    metadata = {
        "ARROW:extension:name": name,
        "ARROW:extension:metadata": pickle.dumps(Bomb(trace)),
    }
    field = pa.field("text", pa.string(), metadata=metadata)
    label = pa.field("label", pa.int64())
    table = pa.table([["ba"] * 4, [0, 1] * 2], schema=pa.schema([field, label]))
    data = write(tmp_path, table)
    found = load(LocalFiles.model_validate(data)).splits["train"]
    assert found.column("text").to_pylist() == ["ba"] * 4
    assert not trace.exists()


def test_labels_and_names_are_texts(tmp_path: Path) -> None:
    """They come into tables and reports, never into a path or a command."""
    save_bert(tmp_path / "model")
    stages = Stages.fetch(tmp_path / "made", {"kind": "folder", "path": str(tmp_path / "model")})
    ids = ["../../x", "/etc/passwd", "$(touch evil)", "\x1b[2J"]
    table = pa.table({"id": ids, "text": ["ba be"] * 4, "label": LABELS})
    examples = {"kind": "text-classification", "fields": ["text"], "labels": LABELS}
    before = {path for path in tmp_path.rglob("*") if "made" not in path.parts}
    task = stages.task(data=write(tmp_path, table), examples=examples, max_length=8)
    assert task.labels == tuple(LABELS)
    found = task.table("train").column("id").to_pylist()
    assert sorted(found) == sorted(f"train/{name}" for name in ids)
    after = {path for path in tmp_path.rglob("*") if "made" not in path.parts}
    assert {path.name for path in after - before} == {"train.parquet", "evaluation.parquet"}


@pytest.fixture
def pictures(tmp_path: Path) -> Callable[[Any], TaskData]:
    """Return `make(images)`, which makes a task of them, four of two classes."""
    save_vit(tmp_path / "model")
    stages = Stages.fetch(tmp_path / "made", {"kind": "folder", "path": str(tmp_path / "model")})

    def make(images: Any) -> TaskData:
        table = pa.table({"image": images, "label": [0, 1] * (len(images) // 2)})
        examples = {"kind": "image-classification", "labels": ["a", "b"]}
        return stages.task(data=write(tmp_path, table), examples=examples)

    return make


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\n%%EndComments\nshowpage\n%%EOF\n"


def test_an_image_starts_no_other_program(
    pictures: Callable[[Any], TaskData],
    tmp_path: Path,
    trace: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Pillow has PostScript drawn by Ghostscript."""
    program = tmp_path / "bin/gs"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {trace}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    with pytest.raises(UserError, match="no image that can be decoded"):
        pictures([EPS] * 4)
    assert not trace.exists()


def test_an_image_is_in_its_bytes_not_at_its_path(
    pictures: Callable[[Any], TaskData], tmp_path: Path
) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "private.png")
    with pytest.raises(UserError, match="there is no image"):
        rows = [{"bytes": None, "path": str(tmp_path / "private.png")}] * 4
        pictures(pa.array(rows, pa.struct({"bytes": pa.binary(), "path": pa.string()})))


def test_an_image_of_too_many_pixels_is_refused(
    pictures: Callable[[Any], TaskData], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = io.BytesIO()
    Image.new("L", (300, 300)).save(encoded, "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40_000)
    with pytest.raises(UserError, match=r"no image that can be decoded: .*decompression bomb"):
        pictures([encoded.getvalue()] * 4)


def test_an_array_of_objects_is_not_unpickled(
    pictures: Callable[[Any], TaskData], trace: Path
) -> None:
    """The pixels lie in an array file, a format that can hold pickles."""
    from essential_sparsity.runs.heads import open_head
    from stages import recipe_of

    encoded = io.BytesIO()
    Image.new("RGB", (4, 4)).save(encoded, "PNG")
    task = pictures([encoded.getvalue()] * 4)
    bombs = np.empty(4, dtype=object)
    bombs[:] = Bomb(trace)
    np.save(task.folder / task.document["pixels"]["train"], bombs, allow_pickle=True)
    kind = open_head(task, task.folder.parent / "checkpoint", recipe_of())
    with pytest.raises(ValueError, match="object"):
        kind.dataset(kind.train(), "train")
    assert not trace.exists()


def test_a_manifest_names_files_of_its_own_folder(
    pictures: Callable[[Any], TaskData], tmp_path: Path
) -> None:
    from essential_sparsity.support.files import read_json, write_json
    from essential_sparsity.tasks.manifest import load_task

    encoded = io.BytesIO()
    Image.new("RGB", (4, 4)).save(encoded, "PNG")
    task = pictures([encoded.getvalue()] * 4)
    manifest = task.folder / "task.json"
    document = read_json(manifest, "manifest")
    own = document["splits"]["train"]["file"]
    document["splits"]["train"]["file"] = f"../../{own}"
    write_json(manifest, document)
    assert load_task(task.folder).path("train") == task.folder / own
