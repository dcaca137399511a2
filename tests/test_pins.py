"""The lock file: the first download is recorded, later ones are held against it."""

import json
import shutil
import subprocess
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
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import sha256_of
from essential_sparsity.support.pins import Pins
from essential_sparsity.tasks.hub import load
from essential_sparsity.tasks.spec import HubData
from loopback_hub import REVISION, LoopbackHub
from miniatures import save_bert
from project import RECIPE, Project, environment, tiny_study

OTHER = "f" * 40


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """A hub with one model and one data set."""

    with LoopbackHub(tmp_path / "hub") as running:
        save_bert(running.root / "models/org/tiny")
        write_data(running, 4)
        running.point(monkeypatch, tmp_path / "cache")
        running.point_datasets(monkeypatch, tmp_path / "cache/datasets")
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
    recorded = pins.path.read_bytes()
    file = hub.root / "datasets/org/tiny" / "train-00000-of-00001.parquet"
    before = sha256_of(file)
    write_data(hub, 6)
    forget(tmp_path)
    expected = (
        rf"models\.lock: datasets\.org/tiny@main: {file.name}: sha256 {before} was served first, "
        f"now it is {sha256_of(file)}; if the change is wanted, delete this entry"
    )
    with pytest.raises(UserError, match=expected):
        load(data(), pins.path)
    assert pins.path.read_bytes() == recorded


def test_data_that_were_damaged_in_the_cache_are_no_change(
    hub: LoopbackHub, pins: Pins, tmp_path: Path
) -> None:
    first = load(data(), pins.path)
    (blob, *_) = (tmp_path / "cache/hub/datasets--org--tiny/blobs").glob("?" * 64)
    blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    with pytest.raises(UserError, match="taken out of the cache; try again"):
        load(data(), pins.path)
    assert load(data(), pins.path).origin == first.origin


def test_a_second_configuration_is_of_the_first_ones_commit(hub: LoopbackHub, pins: Pins) -> None:
    load(data(), pins.path)
    hub.main = OTHER
    other = data().model_copy(update={"train": "validation", "evaluation": "train"})
    assert load(other, pins.path).origin["commit"] == REVISION


@pytest.mark.parametrize("knows", ["lock file", "cache"])
def test_a_branch_comes_from_the_cache_alone(
    knows: str,
    hub: LoopbackHub,
    pins: Pins,
    fetch: Callable[..., dict[str, object]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = fetch()
    if knows == "cache":
        # As the client itself notes it, when it is asked for a branch.
        refs = tmp_path / "cache/hub/models--org--tiny/refs/main"
        refs.parent.mkdir()
        refs.write_text(REVISION)
        pins.path.unlink()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fetch() == first | {"from_cache": True}
    assert pins.path.is_file()


def test_the_file_is_sorted_and_says_no_more_than_needed(pins: Pins) -> None:
    for name in ("b", "a"):
        files = {"z": "0" * 64, "y": "1" * 64}
        pins.pin("models", f"org/{name}", "main", REVISION, files)
    entry = {"revision": REVISION, "files": {"y": "1" * 64, "z": "0" * 64}}
    document = {
        "format_version": 1,
        "models": {"org/a@main": entry, "org/b@main": entry},
        "datasets": {},
    }
    assert pins.path.read_text() == json.dumps(document, indent=2) + "\n"


def test_a_complete_lock_file_need_not_be_writable(pins: Pins) -> None:
    pins.pin("models", "org/a", "main", REVISION, {"a": "0" * 64})
    guard = pins.path.with_name(".models.lock.guard")
    guard.unlink()
    guard.mkdir()  # nobody gets this lock, not even root
    pins.pin("models", "org/a", "main", REVISION, {"a": "0" * 64})
    expected = (
        r"models\.lock: cannot be written: .*models\.org/b@main: let its folder be written to"
    )
    with pytest.raises(UserError, match=expected):
        pins.pin("models", "org/b", "main", REVISION, {"a": "0" * 64})


def test_many_jobs_write_at_once(pins: Pins) -> None:
    def hold(number: int) -> None:
        Pins(pins.path).pin("models", f"org/m{number}", "main", REVISION, {"a": f"{number:064x}"})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(hold, range(24)))
    found = [pins.find("models", f"org/m{number}", "main") for number in range(24)]
    assert [pin and pin.files["a"] for pin in found] == [f"{n:064x}" for n in range(24)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "models.lock: not a lock file.*; restore the file, or delete it"),
        ("{}", "models.lock: format_version: None is not 1"),
        ('{"format_version": 2}', "models.lock: format_version: 2 is not 1.*; restore the file"),
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


@pytest.mark.workflow
def test_a_study_records_and_its_copy_elsewhere_is_held_to_it(
    hub: LoopbackHub, tmp_path: Path
) -> None:
    """The lock file lies beside the study, wherever results are, and travels with it."""
    source = {"kind": "hub", "repository": "org/tiny", "revision": "main"}
    jobs = ("checkpoints/tiny/checkpoint.json", "tasks/mood/tiny-24/task.json")

    def clone(name: str, *options: str) -> tuple[Project, "subprocess.CompletedProcess[str]"]:
        project = Project(tmp_path / name)
        project.clone_sources()
        project.write_model("tiny", source)
        project.write_task("mood", RECIPE, data=source)
        experiment = {**tiny_study()["experiments"][0], "models": ["tiny"]}
        study = {"study": "tiny", "catalogs": ["tiny"], "experiments": [experiment]}
        project._write("mine/study.yaml", study)
        if (tmp_path / "first/mine/models.lock").exists():
            shutil.copy(tmp_path / "first/mine/models.lock", project.folder / "mine")
        online = {**environment(), **hub.environment(tmp_path / f"cache of {name}")}
        done = subprocess.run(
            [*project.command(*jobs, study="mine/study.yaml"), *options],
            cwd=project.folder,
            env={**online, "HF_HUB_OFFLINE": "0"},
            capture_output=True,
            text=True,
            check=False,
        )
        return project, done

    (tmp_path / "large disk/deep").mkdir(parents=True)
    (tmp_path / "first").mkdir()
    (tmp_path / "first/results").symlink_to(tmp_path / "large disk/deep")
    first, done = clone("first")
    assert done.returncode == 0, done.stdout + done.stderr
    pins = Pins(first.folder / "mine/models.lock")
    assert pins.find("models", "org/tiny", "main")
    assert pins.find("datasets", "org/tiny", "main")
    assert [path for path in tmp_path.rglob("models.lock") if path != pins.path] == []

    save_bert(hub.root / "models/org/tiny", seed=1)
    second, done = clone("second", "--config", "results=elsewhere")
    assert done.returncode != 0
    log = (second.folder / "elsewhere/logs/checkpoints/tiny.log").read_text()
    assert "../mine/models.lock: models.org/tiny@main: model.safetensors: sha256" in log
    assert not (second.folder / "elsewhere/checkpoints/tiny").exists()
    assert (second.folder / "mine/models.lock").read_bytes() == pins.path.read_bytes()
