"""Reading a task's folder back: whatever differs from what was written is named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import read_json, write_json
from essential_sparsity.tasks.build import build_task
from essential_sparsity.tasks.manifest import load_task, tokenizer_digest
from essential_sparsity.tasks.spec import TaskDataSpec
from miniatures import write_examples
from tasks.tiny_tasks import texts


@pytest.fixture
def folder(tmp_path: Path, checkpoint: Path) -> Path:
    """A task's folder."""
    write_examples(tmp_path / "data", train=4, evaluation=4)
    files = {s: str(tmp_path / "data" / f"{s}.csv") for s in ("train", "evaluation")}
    document = {
        "version": 1, "data": {"kind": "files", **files},
        "examples": texts(["text"], ["bad", "good"]), "max_length": 16,
    }  # fmt: skip
    build_task(TaskDataSpec.check(document, "spec"), checkpoint, tmp_path / "task")
    return tmp_path / "task"


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the folder's `task.json`."""
    document = read_json(folder / "task.json", "task manifest")
    change(document)
    write_json(folder / "task.json", document)


def test_a_changed_byte_is_noticed(folder: Path) -> None:
    file = folder / "train.parquet"
    content = file.read_bytes()
    file.write_bytes(content[:50] + bytes([content[50] ^ 1]) + content[51:])
    with pytest.raises(UserError, match=r"train\.parquet: sha256 differs"):
        load_task(folder)
    load_task(folder, verify=False)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "evaluation.parquet").unlink()
    with pytest.raises(UserError, match=r"evaluation\.parquet: no such file"):
        load_task(folder, verify=False)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda d: d.update(format_version=1), "format_version: 1 is not 2"),
        (lambda d: d.pop("labels"), "not a complete task manifest.*labels"),
        (lambda d: d["splits"].pop("train"), "not a complete task manifest.*train"),
        (lambda d: d.update(files=None), "not a complete task manifest"),
    ],
)
def test_a_manifest_that_does_not_hold(
    change: Callable[[dict[str, Any]], object], expected: str, folder: Path
) -> None:
    edit(folder, change)
    with pytest.raises(UserError, match=rf"task\.json: {expected}"):
        load_task(folder)


def test_a_folder_without_manifest(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"task\.json: no such file"):
        load_task(tmp_path)


def test_another_number_of_rows_is_noticed(folder: Path) -> None:
    edit(folder, lambda d: d["splits"]["train"].update(examples=5))
    with pytest.raises(UserError, match=r"train\.parquet: 4 rows, but task\.json says 5"):
        load_task(folder).table("train")


def test_every_vocabulary_file_counts(tmp_path: Path) -> None:
    (tmp_path / "vocab.json").write_text("{}")
    (tmp_path / "merges.txt").write_text("a b")
    before = tokenizer_digest(tmp_path)
    (tmp_path / "merges.txt").write_text("b a")
    assert tokenizer_digest(tmp_path) != before
