"""CHECKPOINT on the command line: a folder, or a repository that is fetched once."""

import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from essential_sparsity.command.source import find_checkpoint, open_checkpoint
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import write_text
from loopback_hub import REVISION, LoopbackHub, point

OTHER = "f" * 40


@pytest.fixture
def hub(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """A hub with `org/bert`, to which this process' client is pointed."""
    shutil.copytree(models / "bert", tmp_path / "hub" / "models" / "org" / "bert")
    with LoopbackHub(tmp_path / "hub") as running:
        running.point(monkeypatch, tmp_path / "home")
        monkeypatch.setattr(constants, "HF_ASSETS_CACHE", str(tmp_path / "home" / "assets"))
        yield running


def test_a_folder_is_itself(models: Path, hub: LoopbackHub) -> None:
    assert find_checkpoint(str(models / "bert")) == models / "bert"
    assert not hub.requests


def test_a_folder_goes_before_a_repository(
    models: Path, hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(models / "opt", tmp_path / "org" / "bert")
    monkeypatch.chdir(tmp_path)
    assert open_checkpoint("org/bert").manifest.architecture == "opt"
    assert not hub.requests


@pytest.mark.parametrize("argument", ["org/bert", "org/bert@main", f"org/bert@{REVISION}"])
def test_a_repository_is_fetched_once(argument: str, models: Path, hub: LoopbackHub) -> None:
    with open_checkpoint(argument) as fetched, open_checkpoint(str(models / "bert")) as local:
        assert fetched.folder.name == REVISION
        # The same files make the same checkpoint, wherever it lies.
        assert fetched.manifest.sha256 == local.manifest.sha256
    asked = len(hub.requests)
    assert asked
    assert find_checkpoint(argument) == fetched.folder
    assert len(hub.requests) == asked


def test_the_second_call_does_without_the_hub(
    hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = find_checkpoint("org/bert")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert find_checkpoint("org/bert") == folder
    # What only the client's own cache holds serves as well.
    shutil.rmtree(tmp_path / "home" / "assets")
    assert find_checkpoint(f"org/bert@{REVISION}") == folder
    shutil.rmtree(tmp_path / "home" / "assets")
    write_text(tmp_path / "home" / "hub" / "models--org--bert" / "refs" / "main", REVISION)
    assert find_checkpoint("org/bert") == folder


def test_a_moved_branch_is_seen_when_asked_for(
    hub: LoopbackHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = find_checkpoint("org/bert")
    refs = first.parent / "refs" / "main"
    assert refs.read_text() == REVISION
    # As if `main` had been another commit when it was last asked for.
    first.rename(first.with_name(OTHER))
    refs.write_text(OTHER)
    assert find_checkpoint("org/bert").name == OTHER
    assert "from the cache (--update asks anew)" in capsys.readouterr().err
    assert find_checkpoint("org/bert", update=True).name == REVISION
    assert find_checkpoint("org/bert").name == REVISION
    hub.stop()
    assert find_checkpoint("org/bert", update=True).name == REVISION
    assert "using the cache" in capsys.readouterr().err


def test_an_unknown_architecture_is_refused_before_its_weights_come(
    hub: LoopbackHub, tmp_path: Path
) -> None:
    config = hub.root / "models" / "org" / "bert" / "config.json"
    config.write_text(config.read_text().replace('"model_type": "bert"', '"model_type": "bret"'))
    with pytest.raises(UserError) as caught:
        find_checkpoint("org/bert")
    assert "unknown architecture 'bret'; did you mean 'bert'?" in str(caught.value)
    assert "add a file to" in str(caught.value)
    assert not [request for request in hub.requests if "model.safetensors" in request]


def test_pickled_weights_are_converted(
    models: Path, hub: LoopbackHub, run: Callable[..., str], tmp_path: Path
) -> None:
    import torch
    from safetensors.torch import load_file

    repository = hub.root / "models" / "org" / "bert"
    torch.save(load_file(repository / "model.safetensors"), repository / "pytorch_model.bin")
    (repository / "model.safetensors").unlink()
    with open_checkpoint("org/bert") as fetched, open_checkpoint(str(models / "bert")) as local:
        for matrix in local.matrices:
            assert (fetched.tensor(matrix).bits == local.tensor(matrix).bits).all()


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("org/nobody", "org/nobody: no such folder, and from the hub: http"),
        ("org/nobody", "has no such repository"),
        ("org/bert@v9", "the repository has no such revision"),
        ("./org", "org: no such folder; a checkpoint is a folder, or a hub's org/name"),
        ("bert", "bert: no such folder; a checkpoint is"),
        ("../a/b", "../a/b: no such folder; a checkpoint is"),
    ],
)
def test_what_is_not_there(argument: str, said: str, hub: LoopbackHub) -> None:
    with pytest.raises(UserError) as caught:
        find_checkpoint(argument)
    assert said in str(caught.value)


def test_a_file_is_no_checkpoint(models: Path) -> None:
    with pytest.raises(UserError, match="is a file; name the checkpoint's folder"):
        find_checkpoint(str(models / "bert" / "model.safetensors"))


@pytest.mark.parametrize("argument", ["org/bert", f"org/bert@{REVISION}"])
def test_an_unreachable_hub(argument: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    point(monkeypatch, endpoint, tmp_path / "home")
    monkeypatch.setattr(constants, "HF_ASSETS_CACHE", str(tmp_path / "home" / "assets"))
    with pytest.raises(UserError, match=f"the hub at {endpoint} cannot be reached"):
        find_checkpoint(argument)
    assert not list((tmp_path / "home").rglob("*.part"))


def test_a_damaged_transfer_leaves_nothing(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.faults.corrupt.add("model.safetensors")
    with pytest.raises(UserError, match="its digest is"):
        find_checkpoint("org/bert")
    left = [path for path in (tmp_path / "home" / "assets").rglob("*") if path.is_file()]
    assert left == []
    hub.faults.corrupt.clear()
    assert find_checkpoint("org/bert").is_dir()
