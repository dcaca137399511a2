"""What a stage does with bad input: exit status 1, one clear line, and nothing half-written."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from miniatures import save_tokenizer, write_examples
from project import environment

pytestmark = pytest.mark.slow

ONE_MIB = 1 << 20


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a fetched checkpoint, its task data and a mask, for reading only."""
    from miniatures import save_bert

    folder = tmp_path_factory.mktemp("material")
    save_bert(folder / "model")
    write_examples(folder / "data")
    for stage, spec, *more in (
        ("checkpoints", {"version": 1, "sources": [{"kind": "folder", "path": "model"}]}),
        ("masks", MASK, "--checkpoint", "c"),
        ("tasks", TASK, "--checkpoint", "c"),
    ):
        output = {"checkpoints": "c", "masks": "m.safetensors", "tasks": "t"}[stage]
        assert call(folder, stage, spec, *more, "--output", output).returncode == 0
    return folder


def call(
    folder: Path, stage: str, spec: dict[str, Any], *arguments: str, **more: Any
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [
            sys.executable,
            "-m",
            f"essential_sparsity.{stage}",
            "--spec",
            spec if isinstance(spec, str) else json.dumps(spec),
            *arguments,
        ],
        cwd=folder,
        env={**environment(), **more.pop("env", {})},
        capture_output=True,
        text=True,
        check=False,
        **more,
    )


MASK = {"criterion": "magnitude", "sparsity": 0.5}
TEXTS = {"kind": "text-classification", "fields": ["text"], "labels": ["bad", "good"]}
QUESTIONS = {"kind": "question-answering", "question": "text", "context": "text"}
IMAGES = {"kind": "image-classification", "labels": ["bad", "good"]}
TASK = {
    "version": 1,
    "data": {"kind": "files", "train": "data/train.csv", "evaluation": "data/evaluation.csv"},
    "examples": TEXTS,
    "max_length": 24,
}
RUN = {"recipe": {"epochs": 1, "batch_size": 8, "learning_rate": 1e-3}, "seed": 1}
HUB = {"kind": "hub", "repository": "some/model", "revision": "0" * 40}
ON_MASK = ("--checkpoint", "c", "--task", "t", "--mask")


def flip(file: str, position: int = -1) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        data = bytearray((folder / file).read_bytes())
        data[position] ^= 1
        (folder / file).write_bytes(bytes(data))

    return damage


def truncate(file: str) -> Callable[[Path], None]:
    return lambda folder: os.truncate(folder / file, (folder / file).stat().st_size // 2)


def write(file: str, text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / file).write_text(text) and None


def nothing(folder: Path) -> None:
    pass


# What is wrong → (harm, stage, spec, arguments, what the line says).
CASES: dict[str, tuple[Callable[[Path], None], str, Any, tuple[str, ...], str]] = {
    "spec is not JSON": (nothing, "masks", "{", ("--checkpoint", "c"), "--spec: not JSON"),
    "unknown criterion": (
        nothing, "masks", {"criterion": "magnitud", "sparsity": 0.5}, ("--checkpoint", "c"),
        "--spec: criterion: unknown criterion 'magnitud'; did you mean 'magnitude'?",
    ),
    "sparsity 1": (
        nothing, "masks", {"criterion": "magnitude", "sparsity": 1}, ("--checkpoint", "c"),
        "--spec: sparsity: a sparsity lies in [0, 1), 1.0 does not",
    ),
    "no checkpoint there": (
        nothing, "masks", MASK, ("--checkpoint", "nowhere"),
        "nowhere/checkpoint.json: no such file",
    ),
    "weights changed": (
        flip("c/model.safetensors"), "masks", MASK, ("--checkpoint", "c"),
        "c/model.safetensors: changed since it was fetched",
    ),
    "weights truncated": (
        truncate("c/model.safetensors"), "masks", MASK, ("--checkpoint", "c"),
        "c/model.safetensors: changed since it was fetched",
    ),
    "hub unreachable": (
        nothing, "checkpoints", {"version": 1, "sources": [HUB]}, (),
        "out: no source yields this checkpoint: (1) hub some/model: the hub at "
        "http://127.0.0.1:9 cannot be reached",
    ),
    "wrong sha256": (
        nothing, "checkpoints",
        {"version": 1, "sources": [{"kind": "folder", "path": "model"}],
         "sha256": {"model.safetensors": "0" * 64}}, (),
        "model.safetensors: its sha256 is ",
    ),
    "unknown architecture": (
        write("model/config.json", '{"model_type": "gpt_neo"}'), "checkpoints",
        {"version": 1, "sources": [{"kind": "folder", "path": "model"}]}, (),
        "model_type: unknown architecture 'gpt_neo' (known: bert, llama, opt, vit)",
    ),
    "no such folder": (
        nothing, "checkpoints", {"version": 1, "sources": [{"kind": "folder", "path": "no"}]}, (),
        "folder no: ",
    ),
    "unreachable data": (
        nothing, "tasks",
        {**TASK, "data": {"kind": "hub", "repository": "some/data", "revision": "0" * 40}},
        ("--checkpoint", "c"),
        "data set some/data",
    ),
    "a revision that leads elsewhere": (
        nothing, "checkpoints", {"version": 1, "sources": [{**HUB, "revision": "../main"}]}, (),
        "--spec: sources[0].revision: ",
    ),
    "a lock file that is damaged": (
        write("models.lock", '{"format_version": 1, "models": 3}'), "checkpoints",
        {"version": 1, "sources": [HUB]}, ("--pins", "models.lock"), "models.lock: models: ",
    ),
    "answers that are no answers": (
        nothing, "tasks",
        {**TASK, "examples": {**QUESTIONS, "answers": "label"}, "max_length": 24, "stride": 4},
        ("--checkpoint", "c"), "train split: answers: column 'label' holds string, not a list",
    ),
    "a column of images that holds text": (
        nothing, "tasks",
        {**TASK, "examples": {**IMAGES, "image": "text"}, "max_length": None},
        ("--checkpoint", "c"), "train split: image: column 'text' holds string, not images",
    ),
    "numbers that are words": (
        nothing, "tasks", {**TASK, "examples": {"kind": "text-regression", "fields": ["text"]}},
        ("--checkpoint", "c"), "train split: label: column 'label' holds string, not numbers",
    ),
    "more held out than there are": (
        nothing, "tasks", {**TASK, "hold_out": 5000}, ("--checkpoint", "c"),
        "hold_out: 5000 sets aside 5000 of ",
    ),
    "a metric that nobody knows": (
        nothing, "runs", RUN, (*ON_MASK, "m.safetensors", "--score", "acuracy"),
        "--score: metric: unknown metric 'acuracy'; did you mean 'accuracy'?",
    ),
    "missing column": (
        nothing, "tasks", {**TASK, "examples": {**TEXTS, "fields": ["texts"]}},
        ("--checkpoint", "c"), "'texts'",
    ),
    "undeclared label": (
        write("data/train.csv", "text,label\nba be,awful\n"), "tasks", TASK,
        ("--checkpoint", "c"), "'awful'",
    ),
    "no data file": (
        lambda folder: (folder / "data/train.csv").unlink(), "tasks", TASK,
        ("--checkpoint", "c"), "data/train.csv: no such file",
    ),
    "tampered mask": (
        flip("m.safetensors"), "runs", RUN, (*ON_MASK, "m.safetensors"), "m.safetensors: ",
    ),
    "truncated mask": (
        truncate("m.safetensors"), "runs", RUN, (*ON_MASK, "m.safetensors"),
        "m.safetensors: damaged: its sha256 is not the one that m.json says",
    ),
    "tampered task data": (
        flip("t/evaluation.parquet", 100), "runs", RUN, (*ON_MASK, "m.safetensors"),
        "t/evaluation.parquet: sha256 differs",
    ),
    "unknown key in a recipe": (
        nothing, "runs", {**RUN, "recipe": {**RUN["recipe"], "epoch": 1}},
        (*ON_MASK, "m.safetensors"), "recipe.epoch: unknown key; did you mean 'epochs'?",
    ),
    "a tokenizer of another checkpoint": (
        lambda folder: rewrite_tokenizer(folder), "runs", RUN, (*ON_MASK, "m.safetensors"),
        "c/tokenizer.json: changed since it was fetched",
    ),
}  # fmt: skip


def rewrite_tokenizer(folder: Path) -> None:
    save_tokenizer(folder / "c")
    file = folder / "c" / "tokenizer.json"
    file.write_text(file.read_text().replace("ba", "BA"))


def assert_one_line(result: "subprocess.CompletedProcess[str]", expected: str) -> None:
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stderr
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert expected in last


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_one_clear_line(material: Path, tmp_path: Path, case: str) -> None:
    import shutil

    harm, stage, spec, arguments, expected = CASES[case]
    folder = tmp_path / "copy"
    shutil.copytree(material, folder)
    harm(folder)
    before = {path for path in folder.rglob("*") if ".restart" not in path.parts}
    offline = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path)}
    output = "out.safetensors" if stage == "masks" else "out"
    started = time.monotonic()
    result = call(folder, stage, spec, *arguments, "--output", output, env=offline)
    assert_one_line(result, expected)
    assert time.monotonic() - started < 30
    after = {path for path in folder.rglob("*") if ".restart" not in path.parts}
    assert {path for path in after - before if path.is_file()} == set()


def test_a_full_disk_leaves_nothing_half_written(material: Path, tmp_path: Path) -> None:
    """A limit on file sizes stands in for the disk: the same failing write at the same place."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))

    for stage, spec, *arguments in (
        ("masks", MASK, "--checkpoint", "c"),
        ("checkpoints", {"version": 1, "sources": [{"kind": "folder", "path": "model"}]}),
        ("tasks", TASK, "--checkpoint", "c"),
    ):
        result = call(
            material, stage, spec, *arguments, "--output", str(tmp_path / "out"), preexec_fn=limit
        )
        assert_one_line(result, "the file is larger than the file system or a limit")
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_no_space_left_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    from essential_sparsity.support.errors import run_stage
    from essential_sparsity.support.files import write_text

    def full(path: Path, *_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(SystemExit, match="no space left on the disk"):
        run_stage(lambda: write_text(tmp_path / "x", "y"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become somebody who may not write")
def test_a_read_only_results_folder_is_named(
    material: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may write anywhere: the stage is nobody's for a moment."""
    import shutil
    import tempfile

    from essential_sparsity.masks.__main__ import main
    from essential_sparsity.support.errors import run_stage

    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name) / "copy"
        shutil.copytree(material, folder)
        (folder / "results").mkdir(mode=0o555)
        for path in (Path(name), folder, folder / "c"):
            path.chmod(0o755)
        arguments = ["masks", "--spec", json.dumps(MASK), "--checkpoint", "c"]
        monkeypatch.setattr(sys, "argv", [*arguments, "--output", "results/m.safetensors"])
        monkeypatch.chdir(folder)
        os.seteuid(65534)
        try:
            with pytest.raises(SystemExit) as error:
                run_stage(main)
        finally:
            os.seteuid(0)
        assert str(error.value).startswith("error: ")
        assert "results" in str(error.value) and "permission denied" in str(error.value)
        assert list((folder / "results").iterdir()) == []
