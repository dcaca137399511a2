"""A hub that means harm: the names that it sends lead nowhere, and what it sends is not printed."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from essential_sparsity.checkpoints.sources.hub import fetch_from_hub
from essential_sparsity.checkpoints.spec import CheckpointSpec, HubSource
from essential_sparsity.command.source import find_checkpoint
from essential_sparsity.support import hub as client
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.hub import fetch_file
from essential_sparsity.support.pins import Pins
from essential_sparsity.tasks import hub as data_hub
from essential_sparsity.tasks.spec import HubData
from loopback_hub import REVISION, LoopbackHub
from miniatures import save_bert

SOURCE = HubSource(kind="hub", repository="org/tiny", revision=REVISION)
DATA = HubData(kind="hub", repository="org/tiny", revision=REVISION)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    save_bert(folder)
    return folder


@pytest.fixture
def hub(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """A hub with a model and a data set, and a cache four folders below `tmp_path`."""
    with LoopbackHub(tmp_path / "hub") as running:
        shutil.copytree(model, running.root / "models/org/tiny")
        folder = running.root / "datasets/org/tiny"
        folder.mkdir(parents=True)
        for split in ("train", "validation"):
            table = pa.table({"text": ["ba", "be"], "label": [0, 1]})
            pq.write_table(table, folder / f"{split}-00000-of-00001.parquet")
        running.point(monkeypatch, tmp_path / "a/b/c/cache")
        running.point_datasets(monkeypatch, tmp_path / "a/datasets")
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


def outside(tmp_path: Path) -> set[Path]:
    """Return the files that are in none of the folders where something may be."""
    own = {"hub", "a", "target"}
    here = {path for path in tmp_path.rglob("*") if path.relative_to(tmp_path).parts[0] not in own}
    above = {path for path in tmp_path.parent.iterdir() if path.name.startswith("escaped")}
    return here | above


@pytest.mark.parametrize("header", ["ETag", "X-Linked-Etag", "X-Repo-Commit", "X-Xet-Hash"])
@pytest.mark.parametrize("up", [6, 7])
def test_a_file_cannot_be_named_into_another_folder(
    header: str, up: int, hub: LoopbackHub, target: Path, tmp_path: Path
) -> None:
    """The client's cache names its files after these headers."""
    hub.faults.headers = {header: '"' + "../" * up + 'escaped"'}
    with pytest.raises(UserError, match=f"sends an {header} that is no name: "):
        fetch_from_hub(SOURCE, target, None)
    assert outside(tmp_path) == set()
    hub.faults.headers = {header: f'"{tmp_path}/escaped"'}
    with pytest.raises(UserError, match=f"sends an {header} that is no name: "):
        fetch_from_hub(SOURCE, target, None)
    assert outside(tmp_path) == set()


def test_a_missing_file_cannot_be_noted_in_another_folder(
    hub: LoopbackHub, target: Path, tmp_path: Path
) -> None:
    hub.faults.missing.add("model.safetensors")
    hub.faults.headers = {"X-Repo-Commit": "../" * 7 + "escaped"}
    with pytest.raises(UserError, match="X-Repo-Commit"):
        fetch_from_hub(SOURCE, target, None)
    assert outside(tmp_path) == set()


@pytest.mark.parametrize("commit", ["../../escaped", "/etc", "main", "0" * 39, "\x1b[2J"])
def test_a_commit_is_a_commit(
    commit: str, hub: LoopbackHub, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It becomes a folder of the cache, and a line of the lock file."""
    hub.main = commit
    branch = {"revision": "main"}
    calls: list[Callable[[], Any]] = [
        lambda: fetch_from_hub(SOURCE.model_copy(update=branch), target, None),
        lambda: data_hub.load(DATA.model_copy(update=branch), tmp_path / "target" / "lock"),
        lambda: find_checkpoint("org/tiny"),
    ]
    for call in calls:
        with pytest.raises(UserError, match="names no commit, but") as error:
            call()
        assert str(error.value).isprintable()
    assert outside(tmp_path) == set()


def test_files_with_odd_names_stay_where_they_are(hub: LoopbackHub, target: Path) -> None:
    hub.faults.listed = [
        "../config.json", "/etc/passwd", "x/../../tokenizer.json", "tokenizer.json/../../x",
        "evil.py", "model.safetensors\n", "pytorch_model-1-of-1.bin/../x", "$(touch evil).txt",
    ]  # fmt: skip
    fetch_from_hub(SOURCE, target, None)
    names = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert {path.name for path in target.iterdir()} == names
    assert not [request for request in hub.requests if "evil" in request or "passwd" in request]


@pytest.mark.parametrize("name", ["../x.parquet", "/etc/passwd", "a/../../x", "a\\..\\x", "C:x"])
def test_no_name_leads_out_of_a_repository(
    name: str, hub: LoopbackHub, target: Path, tmp_path: Path
) -> None:
    """A lock file that came with somebody's study says what files a data set has."""
    with pytest.raises(UserError, match="is no name of a file in a repository"):
        fetch_file("dataset", "org/tiny", name, REVISION)
    pins = Pins(target / "models.lock")
    splits = {f"default/{split}": [name] for split in ("train", "validation")}
    pins.pin("datasets", "org/tiny", REVISION, REVISION, {name: "0" * 64}, splits)
    with pytest.raises(UserError, match="is no name of a file in a repository"):
        data_hub.load(DATA, target / "models.lock")
    assert hub.sent == []
    assert outside(tmp_path) == set()


@pytest.mark.parametrize("repository", ["../tiny", "org/..", "-x/y", "a/b/c", "org/ti ny", "o/t\n"])
def test_a_repository_is_a_name_and_a_name(
    repository: str, hub: LoopbackHub, target: Path, tmp_path: Path
) -> None:
    document = {"kind": "hub", "repository": repository, "revision": REVISION}
    with pytest.raises(UserError) as error:
        spec = CheckpointSpec.check({"version": 1, "sources": [document]}, "entry.yaml")
        fetch_from_hub(spec.sources[0], target, None)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)
    assert outside(tmp_path) == set()


@pytest.mark.parametrize(
    "files",
    ["/etc/hostname.parquet", "../../../x.parquet", "http://127.0.0.1:9/x.parquet",
     "file:///etc/x.parquet", "hf://datasets/org/other/x.parquet"],
)  # fmt: skip
def test_a_data_set_cannot_name_files_of_this_machine_or_of_others(
    files: str, hub: LoopbackHub, tmp_path: Path
) -> None:
    """Its description may say which files its splits are."""
    (tmp_path / "a/mine.parquet").parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"text": ["private"], "label": [0]}), tmp_path / "a/mine.parquet")
    for named in (files, str(tmp_path / "a/mine.parquet")):
        parts = [f"{{split: {split}, path: '{named}'}}" for split in ("train", "validation")]
        text = f"---\nconfigs:\n- config_name: default\n  data_files: [{', '.join(parts)}]\n---\n"
        (hub.root / "datasets/org/tiny/README.md").write_text(text)
        with pytest.raises(UserError, match=r"no name of|cannot be made out|ImportError") as error:
            data_hub.load(DATA)
        assert "\n" not in str(error.value)
    assert not [name for name, _ in hub.sent if name.endswith(".parquet")]


def test_a_data_sets_script_is_not_run(hub: LoopbackHub, tmp_path: Path) -> None:
    trace = tmp_path / "it-ran"
    folder = hub.root / "datasets/org/tiny"
    for file in folder.iterdir():
        file.unlink()
    code = f"open({str(trace)!r}, 'w')\nimport datasets\n"
    for name in ("tiny.py", "data.py"):
        (folder / name).write_text(code)
    with pytest.raises(UserError, match="its files cannot be made out"):
        data_hub.load(DATA)
    assert not trace.exists()


def test_what_a_hub_says_is_printed_without_control_codes() -> None:
    shown = client.public("\x1b]0;title\x07 a\x00b \x9b2J c\n\td")
    assert shown.isprintable()
    assert os.linesep not in shown
