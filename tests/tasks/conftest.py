"""A small standard library of our own, a tokenizer, and a hub with a data set."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from essential_sparsity.tasks.corpus import AREAS, HELD_OUT, REFERENCE, TOPICS_FILE
from loopback_hub import LoopbackHub
from miniatures import save_tokenizer
from tasks.tiny_tasks import module, sentence


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny source for every module that the corpus names. For reading only."""
    folder = tmp_path_factory.mktemp("python3")
    held_out = [name for name in HELD_OUT if not name.startswith(f"{REFERENCE}.")]
    for name in sorted({*held_out, *(name for names in AREAS.values() for name in names)}):
        file = folder.joinpath(*name.split(".")).with_suffix(".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        if any(other.startswith(f"{name}.") for other in held_out):
            file = file.with_suffix("") / "__init__.py"
            file.parent.mkdir(exist_ok=True)
        file.write_text(module(name))
    pages = {
        page: "\n\n".join(sentence(f"{page} statement", number) for number in range(6))
        for page in ("with", "raise", "calls", "debugger")
    }
    topics = folder / TOPICS_FILE
    topics.parent.mkdir()
    topics.write_text(f"# made up\ntopics = {pages!r}\n")
    return folder


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tokenizer. For reading only."""
    folder = tmp_path_factory.mktemp("checkpoint")
    save_tokenizer(folder)
    return folder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """A hub, empty so far, to which this process' clients are pointed."""
    with LoopbackHub(tmp_path / "hub") as running:
        cache = tmp_path / "cache"
        running.point(monkeypatch, cache)
        running.point_datasets(monkeypatch, cache / "datasets")
        yield running


@pytest.fixture
def put(hub: LoopbackHub) -> Callable[..., Path]:
    """Return `put(config, **splits)`, which adds a configuration's tables to `org/tiny`."""
    folder = hub.root / "datasets" / "org" / "tiny"

    def add(config: str = "rte", **splits: pa.Table) -> Path:
        (folder / config).mkdir(parents=True, exist_ok=True)
        for split, table in splits.items():
            pq.write_table(table, folder / config / f"{split}-00000-of-00001.parquet")
        lines = ["---", "configs:"]
        for name in sorted(path.name for path in folder.iterdir() if path.is_dir()):
            lines += [f"- config_name: {name}", "  data_files:"]
            for file in sorted((folder / name).iterdir()):
                split = file.name.split("-")[0]
                lines += [f"  - split: {split}", f"    path: {name}/{split}-*"]
        (folder / "README.md").write_text("\n".join([*lines, "---", ""]))
        return folder

    return add
