"""The stage as a whole: what it writes, that it writes all or nothing, what it refuses and how."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import sha256_of
from essential_sparsity.support.tables import origin_of
from essential_sparsity.tasks.build import build_task
from essential_sparsity.tasks.manifest import load_task
from essential_sparsity.tasks.spec import TaskDataSpec
from tasks.tiny_tasks import rows, texts


@pytest.fixture
def make(tmp_path: Path, checkpoint: Path) -> Callable[..., Path]:
    """Return `make(train, evaluation, **changes)`: a task of two tables, with a changed spec."""

    def build(
        train: pa.Table,
        evaluation: pa.Table,
        examples: dict[str, Any] | None = None,
        whole: dict[str, Any] | None = None,
        **changes: Any,
    ) -> Path:
        for split, table in (("train", train), ("evaluation", evaluation)):
            pq.write_table(table, tmp_path / f"{split}.parquet")
        data = {s: str(tmp_path / f"{s}.parquet") for s in ("train", "evaluation")}
        document = {
            "version": 1,
            "data": {"kind": "files", **data},
            "examples": whole or {**texts(["first", "second"], ["no", "yes"]), **(examples or {})},
            "max_length": 16,
            **changes,
        }
        build_task(TaskDataSpec.check(document, "spec"), checkpoint, tmp_path / "task")
        return tmp_path / "task"

    return build


def test_what_is_written(make: Callable[..., Path], checkpoint: Path) -> None:
    folder = make(rows(6), rows(3, [0, 0, 1], start=6))
    assert sorted(path.name for path in folder.iterdir()) == [
        "evaluation.parquet", "task.json", "train.parquet"
    ]  # fmt: skip
    task = load_task(folder)
    assert (task.kind, task.labels) == ("text-classification", ("no", "yes"))
    assert task.examples == {"train": 6, "evaluation": 3}
    assert task.document["majority"] == {"label": "no", "share": pytest.approx(200 / 3)}
    assert task.preprocessor_sha256 == sha256_of(checkpoint / "tokenizer.json")
    assert task.document["pad_token_id"] == 0
    assert task.document["preprocessing"] == {"max_length": 16}
    table = task.table("evaluation")
    assert table.schema.field("input_ids").type == pa.list_(pa.int32())
    assert table.schema.field("token_type_ids").type == pa.list_(pa.int8())
    assert table.schema.field("label").type == pa.int64()
    assert table["label"].to_pylist() == [0, 0, 1]
    assert table["text"][0].as_py() == "ba be number 6 ␞ bi bo bu"
    assert "text" not in task.table("train").column_names
    assert origin_of(table)["stage"] == "essential_sparsity.tasks"
    assert task.document["corpus"]["train"]["file"] == "train.parquet"


def test_examples_become_tokens_of_the_checkpoint(make: Callable[..., Path]) -> None:
    vocabulary = {"[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "ba": 4, "be": 5, "bi": 6, "bo": 7, "bu": 8}
    row = load_task(make(rows(2), rows(2))).table("train").to_pylist()[0]
    words = ["[CLS]", "ba", "be", "[UNK]", "[UNK]", "[SEP]", "bi", "bo", "bu", "[SEP]"]
    assert row["input_ids"] == [vocabulary[word] for word in words]
    assert row["token_type_ids"] == [0] * 6 + [1] * 4


def test_two_builds_have_equal_bytes(make: Callable[..., Path]) -> None:
    folder = make(rows(6), rows(3))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {path.name: path.read_bytes() for path in make(rows(6), rows(3)).iterdir()} == before


def test_names_are_labels_too(make: Callable[..., Path]) -> None:
    table = rows(3).set_column(2, "answer", pa.array(["yes", "no", "yes"]))
    task = load_task(make(table, table, {"label": "answer"}))
    assert task.table("train")["label"].to_pylist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("long", "expected"),
    [(0, [2, 4, 4, 4, 4, 3, 6, 7, 8, 3]), (1, [2, 6, 7, 8, 3, 4, 4, 4, 4, 3])],
)
def test_of_a_pair_the_longer_text_is_cut(
    long: int, expected: list[int], make: Callable[..., Path]
) -> None:
    texts = ["bi bo bu", "bi bo bu"]
    texts[long] = "ba " * 100
    table = pa.table({"first": texts[:1], "second": texts[1:], "label": [0]})
    row = load_task(make(table, table, max_length=10)).table("train").to_pylist()[0]
    assert row["input_ids"] == expected


def test_the_tokenizers_own_padding_and_cutting_are_overridden(
    make: Callable[..., Path], checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = checkpoint / "tokenizer.json"
    original = file.read_text()
    document = json.loads(original)
    document["truncation"] = {
        "direction": "Right", "max_length": 6, "strategy": "LongestFirst", "stride": 0
    }  # fmt: skip
    document["padding"] = {
        "strategy": {"Fixed": 20}, "direction": "Right", "pad_to_multiple_of": None,
        "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]",
    }  # fmt: skip
    try:
        file.write_text(json.dumps(document))
        table = load_task(make(rows(2), rows(2))).table("train")
    finally:
        file.write_text(original)
    assert [len(tokens) for tokens in table["input_ids"].to_pylist()] == [10, 10]


BAD_TABLES: dict[str, tuple[pa.Table, dict[str, Any], str]] = {
    "hidden labels": (
        rows(2, [0, -1]),
        {},
        "train split: label -1 in row 1 is none .* 0 to 1 .no, yes.; -1 marks hidden labels",
    ),
    "label too large": (rows(2, [0, 2]), {}, "train split: label 2 in row 1 is none .* 0 to 1"),
    "no label": (
        rows(2).set_column(2, "label", pa.array([0, None], pa.int64())),
        {},
        "train split: label None in row 1",
    ),
    "unknown name": (
        rows(2).set_column(2, "label", pa.array(["no", "maybe"])),
        {},
        "train split: label 'maybe' in row 1 is none of the declared ones: no, yes",
    ),
    "no such column": (
        rows(2),
        {"examples": {"fields": ["first", "secnd"]}},
        "train split: fields: unknown column 'secnd'; did you mean 'second'?",
    ),
    "no such label column": (
        rows(2),
        {"examples": {"label": "labels"}},
        "train split: label: unknown column 'labels'; did you mean 'label'?",
    ),
    "not text": (
        rows(2),
        {"examples": {"fields": ["label"]}},
        "column 'label' holds int64, not text",
    ),
    "no text": (
        rows(2).set_column(0, "first", pa.array(["ba", None])),
        {},
        "column 'first' has no text in row 1",
    ),
    "no examples": (rows(2).slice(0, 0), {}, "train split: holds no examples"),
    "too long": (rows(2), {"max_length": 65}, "max_length: 65 is more than the 64 tokens"),
    "ids twice": (
        rows(2).append_column("id", pa.array(["a", "a"])),
        {},
        "the example 'train/a' occurs 2 times",
    ),
}


@pytest.mark.parametrize("case", BAD_TABLES)
def test_bad_data_are_refused_and_nothing_is_written(
    case: str, make: Callable[..., Path], tmp_path: Path
) -> None:
    table, changes, expected = BAD_TABLES[case]
    with pytest.raises(UserError, match=expected):
        make(table, rows(2, start=2), **changes)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "hub") == [
        "evaluation.parquet", "train.parquet"
    ]  # fmt: skip


def test_the_evaluation_split_is_checked_too(make: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match="evaluation split: label 5 in row 0"):
        make(rows(2), rows(1, [5]))


def test_a_failure_leaves_the_old_folder_alone(make: Callable[..., Path]) -> None:
    folder = make(rows(2), rows(2))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(UserError):
        make(rows(2, [0, 7]), rows(2))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, "holds no tokenizer"),
        ({"tokenizer.json": "{"}, "its tokenizer cannot be loaded"),
        ({"tokenizer.json": "{}"}, "its tokenizer cannot be loaded"),
    ],
)
def test_a_bad_tokenizer_is_named(files: dict[str, str], expected: str, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    spec = TaskDataSpec.check(
        {
            "version": 1, "data": {"kind": "python-docs", "view": "pair"},
            "examples": texts(["first", "second"], ["elsewhere", "next"]), "max_length": 16,
        },
        "spec",
    )  # fmt: skip
    with pytest.raises(UserError, match=f"{tmp_path}.*{expected}"):
        build_task(spec, tmp_path, tmp_path / "task")


@pytest.mark.slow
def test_the_command_line(checkpoint: Path, tmp_path: Path) -> None:
    spec: dict[str, Any] = {
        "version": 1, "data": {"kind": "python-docs", "view": "topic"},
        "examples": {"kind": "text-classification", "fields": ["passage"]}, "max_length": 16,
    }  # fmt: skip

    def run(document: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                sys.executable, "-m", "essential_sparsity.tasks", "--spec", json.dumps(document),
                "--checkpoint", str(checkpoint), "--output", "tasks/topic/tiny-16",
            ],
            cwd=tmp_path, text=True, capture_output=True, env=os.environ,
        )  # fmt: skip

    wrong = run({**spec, "max_length": 513})
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("error: max_length: 513 is more than the 64 tokens")
    assert wrong.stderr.count("\n") == 1
    assert not any(path.is_file() for path in tmp_path.rglob("*"))
    right = run(spec)
    assert right.returncode == 0, right.stderr
    task = load_task(tmp_path / "tasks" / "topic" / "tiny-16")
    assert len(task.labels) == 7  # the data name them
    assert task.document["majority"]["share"] < 25
    assert len(task.document["corpus"]["sha256"]) == 64
    assert task.document["corpus"]["python"] == "{}.{}.{}".format(*sys.version_info)


NUMBERED = pa.table({"id": [f"{i}" for i in range(100)], "first": ["ba"] * 100,
                     "second": ["be"] * 100, "label": [0, 1] * 50})  # fmt: skip


def test_examples_are_held_out_by_share_or_count(make: Callable[..., Path]) -> None:
    names = {}
    for hold_out in (0.1, 10):
        task = load_task(make(NUMBERED, rows(4), hold_out=hold_out))
        assert task.examples == {"train": 90, "evaluation": 4}
        names[hold_out] = task.table("train")["id"].to_pylist()
    assert names[0.1] == names[10]
    scored = load_task(make(NUMBERED, rows(4), hold_out=10, score_on="held-out"))
    aside = scored.table("evaluation")["id"].to_pylist()
    assert sorted(aside + names[10]) == sorted(
        f"train/{name}" for name in NUMBERED["id"].to_pylist()
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"hold_out": 100}, "hold_out: 100 sets aside 100 of 100 training examples"),
        ({"hold_out": 0.001}, "hold_out: 0.001 sets aside 0 of 100"),
        ({"score_on": "held-out"}, "score_on: 'held-out' needs hold_out"),
    ],
)
def test_what_cannot_be_held_out(
    changes: dict[str, Any], expected: str, make: Callable[..., Path]
) -> None:
    with pytest.raises(UserError, match=expected):
        make(NUMBERED, rows(4), **changes)


def test_numbers_are_labels_of_a_regression(make: Callable[..., Path]) -> None:
    table = rows(3).set_column(2, "label", pa.array([0.0, 2.5, 5.0]))
    examples = {"kind": "text-regression", "fields": ["first", "second"]}
    task = load_task(make(table, table, whole=examples))
    assert task.table("train")["label"].to_pylist() == [0.0, 2.5, 5.0]
    assert (task.labels, task.document["majority"]) == ((), None)
