"""The command as a user types it: help, exit status, streams, and what it does not import."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).parent / "essential-sparsity"
SUBCOMMANDS = ["compute", "show", "compare", "apply", "import"]


def call(*words: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(COMMAND), *map(str, words)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, **environment},
        check=False,
    )


def test_the_module_is_the_command() -> None:
    module = subprocess.run(
        [sys.executable, "-m", "essential_sparsity.command", "mask", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    done = call("mask", "--help")
    assert done.stdout == module.stdout == call("mask").stdout
    assert [name for name in SUBCOMMANDS if f"    {name} " in done.stdout] == SUBCOMMANDS
    assert re.fullmatch(r"essential-sparsity \d+\.\d+\.\d+\n", call("--version").stdout)


def test_an_error_is_one_line_and_exit_status_1(models: Path, tmp_path: Path) -> None:
    for words in (
        ["mask", "compute", models / "bert", "--output", tmp_path / "o", "--sparsity", 1.0],
        ["mask", "show", tmp_path / "none"],
        ["mask", "comptue"],
        ["maks"],
    ):
        done = call(*words)
        assert (done.returncode, done.stdout) == (1, "")
        assert re.fullmatch(r"error: [^\n]+\n", done.stderr), done.stderr
    assert not (tmp_path / "o").exists()


def test_with_json_stdout_is_for_machines(models: Path, tmp_path: Path) -> None:
    words = ["mask", "compute", models / "bert", "--output", tmp_path, "--sparsity", 0.5]
    quiet, done = call(*words), call(*words, "--json")
    assert (quiet.returncode, quiet.stderr) == (0, "")
    assert done.stderr == quiet.stdout
    path = json.loads(done.stdout)["masks"][0]["path"]
    assert json.loads(call("mask", "show", path, "--json").stdout)["sparsity"] == 0.5


def test_any_terminal_and_any_pipe_will_do(models: Path, tmp_path: Path) -> None:
    call("mask", "compute", models / "bert", "--output", tmp_path, "--sparsity", 0.5)
    mask = tmp_path / "magnitude-global-s0.50.safetensors"
    for words in (["show", mask], ["compare", mask, mask, *tmp_path.iterdir()]):
        done = call("mask", *words, PYTHONIOENCODING="ascii")
        assert done.stdout.isascii()
    assert call("mask", "show", mask, PYTHONIOENCODING="ascii").returncode == 0
    process = subprocess.Popen(
        [COMMAND, "mask", "show", mask], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout and process.stderr
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    process.wait()


@pytest.mark.parametrize("words", [["--help"], *(["mask", name, "--help"] for name in SUBCOMMANDS)])
def test_help_imports_nothing_that_takes_long(words: list[str]) -> None:
    code = (
        "import sys, contextlib\n"
        f"sys.argv = ['essential-sparsity', *{words!r}]\n"
        "from essential_sparsity.command.__main__ import main\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    slow = {"torch", "transformers", "pyarrow", "pandas", "huggingface_hub", "scipy", "matplotlib"}
    assert slow.isdisjoint(done.stderr.split())
    assert "essential-sparsity mask" in done.stdout


def test_the_examples_of_help_run(
    models: Path,
    tmp_path: Path,
    run: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In the order of the subcommands, with a small model under the example's name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "facebook").mkdir()
    (tmp_path / "facebook" / "deit-tiny-patch16-224").symlink_to(models / "vit")
    for name in SUBCOMMANDS:
        with pytest.raises(SystemExit):
            run(name, "--help")
        _, _, text = capsys.readouterr().out.partition("\nexample:\n  essential-sparsity mask ")
        example = text.replace("\\\n", "")
        assert example.startswith(f"{name} ")
        run(*example.split())
    names = {path.name for path in tmp_path.glob("*/*.safetensors")}
    assert {"magnitude-global-s0.10.safetensors", "half.safetensors"} <= names
