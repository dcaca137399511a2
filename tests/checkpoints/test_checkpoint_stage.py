"""The stage: sources in order, pinned bytes, and whole folders or none."""

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from essential_sparsity.checkpoints.manifest import load_manifest
from essential_sparsity.checkpoints.spec import CheckpointSpec
from essential_sparsity.checkpoints.stage import fetch_checkpoint
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import sha256_of
from loopback_hub import REVISION, LoopbackHub

HUB = {"kind": "hub", "repository": "org/tiny", "revision": REVISION}


def spec_of(*sources: dict[str, Any], **sha256: str) -> CheckpointSpec:
    pins = {name.replace("__", "."): digest for name, digest in sha256.items()}
    document = {"version": 1, "sources": sources, "sha256": pins}
    return CheckpointSpec.model_validate(document)


@pytest.fixture
def folder(tiny: Callable[[str], Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny("bert"), tmp_path / "model"))


def local(path: Path) -> dict[str, Any]:
    return {"kind": "folder", "path": str(path)}


def left_in(folder: Path) -> set[str]:
    """Return what lies in `folder`, hidden files too."""
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def test_the_first_source_that_has_the_pinned_bytes_serves(
    folder: Path, hub: LoopbackHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = Path(shutil.copytree(folder, tmp_path / "wrong"))
    weights = bytearray((wrong / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (wrong / "model.safetensors").write_bytes(weights)
    digest = sha256_of(folder / "model.safetensors")
    other = sha256_of(wrong / "model.safetensors")
    spec = spec_of(HUB, local(wrong), local(folder), local(wrong), model__safetensors=digest)
    output = tmp_path / "out" / "tiny"
    fetch_checkpoint(spec, output)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith(f"tiny: not from hub org/tiny: {hub.endpoint} has no such rep")
    assert lines[1] == (
        f"tiny: not from folder {wrong}: model.safetensors: its sha256 is {other}, "
        f"pinned is {digest}"
    )
    assert lines[2].startswith(f"tiny: served by folder {folder}: bert, 1,024 prunable of ")
    manifest = load_manifest(output)
    assert manifest.source == local(folder)
    assert manifest.files["model.safetensors"] == digest
    assert left_in(output.parent) == {"tiny"}


def test_when_no_source_serves_all_reasons_are_one_line(
    folder: Path, hub: LoopbackHub, tmp_path: Path
) -> None:
    spec = spec_of(HUB, local(tmp_path / "absent"), local(folder), model__safetensors="0" * 64)
    with pytest.raises(UserError) as caught:
        fetch_checkpoint(spec, tmp_path / "out" / "tiny")
    line = str(caught.value)
    assert line.startswith(f"{tmp_path}/out/tiny: no source yields this checkpoint: (1) hub org/")
    assert f"(2) folder {tmp_path}/absent: {tmp_path}/absent: no such folder; (3) folder" in line
    assert f"pinned is {'0' * 64}; mend one" in line
    assert ".part" not in line
    assert left_in(tmp_path / "out") == set()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda f: (f / "model.safetensors").write_bytes(b"x" * 20),
            ": model.safetensors: not a whole safetensors file",
        ),
        (lambda f: (f / "config.json").unlink(), "there is no config.json"),
        (
            lambda f: (f / "config.json").write_text('{"model_type": "gpt2"}'),
            ": config.json: model_type: unknown architecture 'gpt2'",
        ),
    ],
)
def test_a_bad_checkpoint_leaves_the_old_one(
    spoil: Callable[[Path], object], message: str, folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out" / "tiny"
    fetch_checkpoint(spec_of(local(folder)), output)
    before = load_manifest(output)
    spoil(folder)
    with pytest.raises(UserError) as caught:
        fetch_checkpoint(spec_of(local(folder)), output)
    assert message in str(caught.value)
    assert load_manifest(output) == before
    assert left_in(output.parent) == {"tiny"}


def test_what_lay_in_the_folder_before_is_gone(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()  # as Snakemake does
    (output / "stale.json").touch()
    fetch_checkpoint(spec_of(local(folder)), output)
    assert "stale.json" not in left_in(output)
    assert set(load_manifest(output).files) | {"checkpoint.json"} == left_in(output)


def test_a_pinned_file_must_be_there(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no 'vocab\.txt', whose sha256 is pinned"):
        fetch_checkpoint(spec_of(local(folder), vocab__txt="0" * 64), tmp_path / "out")


def test_pickled_weights_are_checked_before_they_are_opened(folder: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    digest = sha256_of(folder / "pytorch_model.bin")
    fetch_checkpoint(spec_of(local(folder), pytorch_model__bin=digest), tmp_path / "out")
    assert "model.safetensors" in load_manifest(tmp_path / "out").files
    (folder / "pytorch_model.bin").write_bytes(b"not even a pickle")
    with pytest.raises(UserError, match=r"pytorch_model.bin: its sha256 is"):
        fetch_checkpoint(spec_of(local(folder), pytorch_model__bin=digest), tmp_path / "out2")


def test_pins_hold_for_the_hub(folder: Path, hub: LoopbackHub, tmp_path: Path) -> None:
    shutil.copytree(folder, hub.root / "models" / "org" / "tiny")
    digest = sha256_of(folder / "model.safetensors")
    fetch_checkpoint(spec_of(HUB, model__safetensors=digest), tmp_path / "out")
    assert load_manifest(tmp_path / "out").source["endpoint"] == hub.endpoint
    with pytest.raises(UserError, match="pinned is 000"):
        fetch_checkpoint(spec_of(HUB, model__safetensors="0" * 64), tmp_path / "out2")


def test_code_that_a_configuration_names_is_never_run(folder: Path, tmp_path: Path) -> None:
    trace = tmp_path / "it-ran"
    code = f"from pathlib import Path\nPath({str(trace)!r}).touch()\n"
    (folder / "evil.py").write_text(code)
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"}
    config["trust_remote_code"] = True
    (folder / "config.json").write_text(json.dumps(config))
    fetch_checkpoint(spec_of(local(folder)), tmp_path / "base")
    random = spec_of({"kind": "random", "of": "base"})
    fetch_checkpoint(random, tmp_path / "random", tmp_path / "base")
    assert not trace.exists()
    assert "evil.py" not in left_in(tmp_path / "base") | left_in(tmp_path / "random")


def run(
    *arguments: str, limit: Callable[[], object] | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "essential_sparsity.checkpoints", *arguments],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        timeout=60,
        preexec_fn=limit,
        check=False,
    )


def test_the_command_line_fetches_without_torch(
    folder: Path, hub: LoopbackHub, tmp_path: Path
) -> None:
    shutil.copytree(folder, hub.root / "models" / "org" / "tiny")
    spec = tmp_path / "spec.json"
    spec.write_text(spec_of(HUB).canonical())
    output = tmp_path / "checkpoints" / "tiny"
    # Seconds of start-up that nothing here needs: importing it is an error in this process.
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "torch.py").write_text("raise RuntimeError('torch was imported')")
    home = {**hub.environment(tmp_path / "home"), "PYTHONPATH": str(tmp_path / "without")}
    done = run("--spec", str(spec), "--output", str(output), **home)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("tiny: served by hub org/tiny: bert, ")
    assert done.stderr.count("\n") == 1
    assert (output / "checkpoint.json").is_file()


def test_the_command_lines_error_is_one_line(tmp_path: Path) -> None:
    done = run(
        "--spec", spec_of(local(tmp_path / "x")).canonical(), "--output", str(tmp_path / "m")
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"error: {tmp_path}/m: no source yields")
    assert "Traceback" not in done.stderr
    done = run("--spec", '{"version": 1, "sources": []}', "--output", str(tmp_path / "m"))
    assert done.stderr.startswith("error: --spec: sources: ")


@pytest.mark.parametrize("kind", ["folder", "hub"])
def test_a_full_disk_is_one_line_and_leaves_nothing(
    kind: str, folder: Path, hub: LoopbackHub, tmp_path: Path
) -> None:
    (folder / "vocab.txt").write_bytes(bytes(200_000))  # more than the limit below
    shutil.copytree(folder, hub.root / "models" / "org" / "tiny")
    spec = spec_of(HUB if kind == "hub" else local(folder)).canonical()
    done = run(
        *("--spec", spec, "--output", str(tmp_path / "out" / "tiny")),
        **hub.environment(tmp_path / "home"),
        limit=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )
    assert done.returncode == 1
    assert "larger than the file system or a limit" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert left_in(tmp_path / "out") == set()
