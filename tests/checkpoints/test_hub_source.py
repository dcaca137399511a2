"""Checkpoints from a hub: what serves, what is refused and why, how fast silence is noticed."""

import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants

from essential_sparsity.checkpoints.sources.hub import fetch_from_hub
from essential_sparsity.checkpoints.spec import HubSource
from essential_sparsity.support import hub as hub_module
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.hub import Unreachable
from loopback_hub import REVISION, LoopbackHub, point

SOURCE = HubSource(kind="hub", repository="org/tiny", revision=REVISION)


@pytest.fixture
def serve(hub: LoopbackHub, tiny: Callable[[str], Path]) -> Callable[[str], Path]:
    """Return `architecture -> repository folder` after putting that model on the hub."""

    def put(architecture: str) -> Path:
        folder = hub.root / "models" / "org" / "tiny"
        return Path(shutil.copytree(tiny(architecture), folder))

    return put


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


@pytest.mark.parametrize("architecture", ["bert", "opt", "vit", "llama"])
def test_the_chosen_files_come_and_no_others(
    architecture: str, serve: Callable[[str], Path], target: Path, hub: LoopbackHub
) -> None:
    repository = serve(architecture)
    for name in ("modeling.py", "pytorch_model.bin", "onnx.onnx"):
        (repository / name).write_bytes(b"no")
    learned = fetch_from_hub(SOURCE, target, None)
    assert learned == {"endpoint": hub.endpoint, "from_cache": False, "commit": REVISION}
    for path in target.iterdir():
        assert path.read_bytes() == (repository / path.name).read_bytes()
        assert not path.is_symlink()
    names = {path.name for path in target.iterdir()}
    assert {"config.json", "model.safetensors"} <= names
    assert not names & {"modeling.py", "pytorch_model.bin", "onnx.onnx"}
    assert not [request for request in hub.requests if "modeling.py" in request]
    assert {request.split("/resolve/")[1].split("/")[0] for request in hub.requests
            if "/resolve/" in request} == {REVISION}  # fmt: skip


@pytest.mark.parametrize("how", ["offline", "stopped"])
def test_the_cache_serves_without_the_hub(
    how: str,
    serve: Callable[[str], Path],
    target: Path,
    hub: LoopbackHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    serve("bert")
    fetch_from_hub(SOURCE, target, None)
    if how == "offline":
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    else:
        hub.stop()
    asked = len(hub.requests)
    (tmp_path / "again").mkdir()
    learned = fetch_from_hub(SOURCE, tmp_path / "again", None)
    assert learned["from_cache"]
    assert len(hub.requests) == asked
    assert {p.name: p.read_bytes() for p in (tmp_path / "again").iterdir()} == {
        p.name: p.read_bytes() for p in target.iterdir()
    }
    reason = "HF_HUB_OFFLINE is set" if how == "offline" else "ConnectError"
    line = capsys.readouterr().err.strip()
    assert "\n" not in line
    assert reason in line
    assert line.endswith("using the cache")


def test_offline_with_an_empty_cache_is_an_error(
    serve: Callable[[str], Path], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve("bert")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(Unreachable, match="cannot be reached: HF_HUB_OFFLINE is set"):
        fetch_from_hub(SOURCE, target, None)


def test_half_a_cache_does_not_serve(
    serve: Callable[[str], Path], target: Path, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve("bert")
    hub.faults.missing.add("model.safetensors")
    with pytest.raises(UserError):
        fetch_from_hub(SOURCE, target, None)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(Unreachable, match="HF_HUB_OFFLINE is set"):
        fetch_from_hub(SOURCE, target, None)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda hub: hub.faults.gated.add("org/tiny"), "http://.* gated: ask .*HF_TOKEN"),
        (lambda hub: hub.faults.status.update({"org/tiny": 401}), "has no such rep|refuses access"),
        (lambda hub: hub.faults.status.update({"org/tiny": 403}), r"refuses access \(403\)"),
        (
            lambda hub: hub.faults.status.update({"org/tiny": 503}),
            "does not answer as a hub does: status 503",
        ),
        (lambda hub: hub.faults.no_revision.add("org/tiny"), "http://.* has no such revision: cor"),
        (lambda hub: shutil.rmtree(hub.root / "models"), "has no such repository"),
        (lambda hub: (hub.root / "models/org/tiny/config.json").unlink(), "no config.json"),
        (lambda hub: (hub.root / "models/org/tiny/model.safetensors").unlink(), "no weights"),
        (
            lambda hub: hub.faults.missing.add("model.safetensors"),
            "^model.safetensors: http://.* lists a file that it does not have: try again later",
        ),
        (
            lambda hub: hub.faults.corrupt.add("model.safetensors"),
            "^model.safetensors: its digest is [0-9a-f]{64}, http://.* announced [0-9a-f]{64}",
        ),
        (
            lambda hub: hub.faults.corrupt.add("config.json"),
            "^config.json: its digest is [0-9a-f]{40}, http://.* announced [0-9a-f]{40}",
        ),
    ],
)
def test_each_refusal_has_its_reason(
    spoil: Callable[[LoopbackHub], object],
    message: str,
    serve: Callable[[str], Path],
    target: Path,
    hub: LoopbackHub,
) -> None:
    serve("bert")
    spoil(hub)
    with pytest.raises(UserError, match=message):
        fetch_from_hub(SOURCE, target, None)


def test_a_damaged_file_does_not_stay_in_the_cache(
    serve: Callable[[str], Path], target: Path, hub: LoopbackHub, tmp_path: Path
) -> None:
    repository = serve("bert")
    hub.faults.corrupt.add("model.safetensors")
    with pytest.raises(UserError, match="announced"):
        fetch_from_hub(SOURCE, target, None)
    hub.faults.corrupt.clear()
    (tmp_path / "again").mkdir()
    fetch_from_hub(SOURCE, tmp_path / "again", None)
    fetched = (tmp_path / "again" / "model.safetensors").read_bytes()
    assert fetched == (repository / "model.safetensors").read_bytes()


def test_a_cut_transfer_is_an_error(
    serve: Callable[[str], Path],
    target: Path,
    hub: LoopbackHub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    serve("bert")
    hub.faults.cut.add("model.safetensors")
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the client waits between its tries
    with pytest.raises(UserError, match=r"^model.safetensors: "):
        fetch_from_hub(SOURCE, target, None)
    assert not (target / "model.safetensors").exists()


def test_a_broken_transfer_goes_on_where_it_ended(
    serve: Callable[[str], Path],
    target: Path,
    hub: LoopbackHub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    repository = serve("bert")
    hub.faults.cut_once.add("model.safetensors")
    # The client keeps whole chunks, of 10 MB otherwise.
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1024)
    fetch_from_hub(SOURCE, target, None)
    whole = (repository / "model.safetensors").read_bytes()
    assert (target / "model.safetensors").read_bytes() == whole
    first, second = (start for name, start in hub.sent if name == "model.safetensors")
    assert first == 0
    assert len(whole) // 2 - 1024 < second <= len(whole) // 2


def test_a_closed_port_is_noticed_at_once(
    target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    point(monkeypatch, endpoint, tmp_path / "cache")
    start = time.monotonic()
    with pytest.raises(
        Unreachable, match=rf"the hub at {endpoint} cannot be reached: ConnectError"
    ):
        fetch_from_hub(SOURCE, target, None)
    assert time.monotonic() - start < 2


def test_a_silent_hub_is_noticed_in_time(
    target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        point(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path / "cache")
        start = time.monotonic()
        with pytest.raises(Unreachable, match="cannot be reached"):
            fetch_from_hub(SOURCE, target, None)
    assert time.monotonic() - start < 3


def test_a_resolver_that_hangs_is_left_behind(
    target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No timeout of the client's covers the name look-up.
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: time.sleep(20))
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 0.2)
    point(monkeypatch, "http://hub.invalid", tmp_path / "cache")
    start = time.monotonic()
    with pytest.raises(Unreachable, match=r"no answer within 0\.2 s"):
        fetch_from_hub(SOURCE, target, None)
    assert time.monotonic() - start < 4


def test_a_full_disk_is_not_the_hubs_fault() -> None:
    with pytest.raises(OSError, match="full"):
        hub_module.refusal(OSError(28, "full"))
