"""The lock file: the first download is recorded, later ones are held against it."""

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import constants

from essential_sparsity.checkpoints.manifest import load_manifest
from essential_sparsity.checkpoints.spec import CheckpointSpec
from essential_sparsity.checkpoints.stage import fetch_checkpoint
from essential_sparsity.errors import UserError
from essential_sparsity.files import sha256_of
from essential_sparsity.pins import Pins
from essential_sparsity.tasks.hub import load
from essential_sparsity.tasks.spec import HubData
from loopback_hub import REVISION, LoopbackHub
from miniatures import save_bert

OTHER = "f" * 40


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """A hub with one model and one data set."""
    import datasets

    with LoopbackHub(tmp_path / "hub") as running:
        save_bert(running.root / "models/org/tiny")
        write_data(running, 4)
        running.point(monkeypatch, tmp_path / "cache")
        monkeypatch.setattr(datasets.config, "HF_ENDPOINT", running.endpoint)
        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache/datasets"))
        yield running


def write_data(hub: LoopbackHub, rows: int) -> None:
    folder = hub.root / "datasets/org/tiny"
    folder.mkdir(parents=True, exist_ok=True)
    table = pa.table({"text": ["a text"] * rows, "label": [0, 1] * (rows // 2)})
    for split in ("train", "validation"):
        pq.write_table(table, folder / f"{split}-00000-of-00001.parquet")


@pytest.fixture
def pins(tmp_path: Path) -> Pins:
    return Pins(tmp_path / "models.lock")


@pytest.fixture
def fetch(pins: Pins, tmp_path: Path) -> Callable[..., dict[str, object]]:
    """Return `fetch(revision, **pinned)`, which makes a checkpoint and returns its source."""

    def make(revision: str = "main", **sha256: str) -> dict[str, object]:
        source = {"kind": "hub", "repository": "org/tiny", "revision": revision}
        named = {name.replace("_", "."): digest for name, digest in sha256.items()}
        document = {"version": 1, "sources": [source], "sha256": named}
        spec = CheckpointSpec.check(document, "spec")
        fetch_checkpoint(spec, tmp_path / "checkpoint", pins=pins)
        manifest = json.loads((tmp_path / "checkpoint/checkpoint.json").read_text())
        load_manifest(tmp_path / "checkpoint")
        return dict(manifest["source"])

    return make


def data(revision: str = "main") -> HubData:
    return HubData(kind="hub", repository="org/tiny", revision=revision)


def forget(tmp_path: Path) -> None:
    """Empty the client's cache, as on another machine."""
    shutil.rmtree(tmp_path / "cache")


def test_the_first_download_is_recorded_and_a_branch_that_moves_is_not_followed(
    hub: LoopbackHub, pins: Pins, fetch: Callable[..., dict[str, object]], tmp_path: Path
) -> None:
    assert fetch()["commit"] == REVISION
    pin = pins.find("models", "org/tiny", "main")
    assert pin is not None and pin.revision == REVISION
    weights = hub.root / "models/org/tiny/model.safetensors"
    assert pin.files["model.safetensors"] == sha256_of(weights)
    recorded = pins.path.read_bytes()

    forget(tmp_path)
    hub.main = OTHER
    hub.requests.clear()
    assert fetch()["commit"] == REVISION
    assert pins.path.read_bytes() == recorded
    assert not [request for request in hub.requests if OTHER in request or "/main/" in request]


def test_other_bytes_than_the_first_are_refused(
    hub: LoopbackHub, pins: Pins, fetch: Callable[..., dict[str, object]], tmp_path: Path
) -> None:
    fetch()
    recorded = pins.path.read_bytes()
    before = sha256_of(hub.root / "models/org/tiny/model.safetensors")
    save_bert(hub.root / "models/org/tiny", seed=1)
    after = sha256_of(hub.root / "models/org/tiny/model.safetensors")
    forget(tmp_path)
    shutil.rmtree(tmp_path / "checkpoint")
    expected = (
        rf"models\.lock: models\.org/tiny@main: model\.safetensors: sha256 {before} was served "
        f"first, now it is {after}; if the change is wanted, delete this entry"
    )
    with pytest.raises(UserError, match=expected):
        fetch()
    assert not (tmp_path / "checkpoint").exists()
    assert pins.path.read_bytes() == recorded


def test_an_entry_that_pins_everything_itself_needs_no_lock_file(
    hub: LoopbackHub, pins: Pins, fetch: Callable[..., dict[str, object]]
) -> None:
    digest = sha256_of(hub.root / "models/org/tiny/model.safetensors")
    fetch(REVISION, model_safetensors=digest)
    assert not pins.path.exists()
    fetch(REVISION)  # the weights' sha256 is not in this entry
    assert pins.find("models", "org/tiny", REVISION) is not None


def test_a_failed_download_records_nothing(
    hub: LoopbackHub, pins: Pins, fetch: Callable[..., dict[str, object]]
) -> None:
    hub.faults.corrupt.add("model.safetensors")
    with pytest.raises(UserError, match="announced"):
        fetch()
    assert not pins.path.exists()


def test_data_are_recorded_and_then_nobody_needs_to_be_asked(
    hub: LoopbackHub, pins: Pins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load(data(), pins.path)
    assert first.origin["commit"] == REVISION
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.requests.clear()
    again = load(data(), pins.path)
    assert again.splits["train"].equals(first.splits["train"])
    assert again.origin == first.origin
    assert hub.requests == []

    forget(tmp_path)
    with pytest.raises(UserError, match=r"train-00000-of-00001.parquet: .*HF_HUB_OFFLINE is set"):
        load(data(), pins.path)


def test_a_busy_hub_is_asked_for_data_again(
    hub: LoopbackHub, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.faults.busy["org/tiny"] = 1
    assert load(data()).splits["train"].num_rows == 4
    assert "status 503; trying again" in capsys.readouterr().err


def test_other_data_than_the_first_are_refused(
    hub: LoopbackHub, pins: Pins, tmp_path: Path
) -> None:
    load(data(), pins.path)
    write_data(hub, 6)
    forget(tmp_path)
    with pytest.raises(UserError, match=r"models\.lock: .*train.*: sha256 .* was served first"):
        load(data(), pins.path)


def test_a_model_comes_from_the_cache_alone(
    hub: LoopbackHub, fetch: Callable[..., dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fetch() | {"from_cache": True} == fetch()


def test_many_jobs_write_at_once(pins: Pins) -> None:
    def hold(number: int) -> None:
        Pins(pins.path).hold("models", f"org/m{number}", "main", REVISION, {"a": f"{number:064x}"})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(hold, range(24)))
    found = [pins.find("models", f"org/m{number}", "main") for number in range(24)]
    assert [pin and pin.files["a"] for pin in found] == [f"{n:064x}" for n in range(24)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "models.lock"),
        ('{"format_version": 2}', r"models.lock: format_version: .*1"),
        ('{"format_version": 1, "models": {"a/b@main": {"revision": "x"}}}', "models.lock: models"),
    ],
)
def test_a_damaged_lock_file_is_one_line(
    text: str, expected: str, hub: LoopbackHub, pins: Pins, fetch: Callable[..., object]
) -> None:
    pins.path.write_text(text)
    with pytest.raises(UserError, match=expected) as caught:
        fetch()
    assert "\n" not in str(caught.value)
    assert pins.path.read_text() == text
