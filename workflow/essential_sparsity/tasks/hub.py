"""Data sets of a hub, at a pinned revision, as Parquet files whose checksums are verified."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import sha256_of
from essential_sparsity.support.hub import (
    Unreachable,
    ask,
    commit_of,
    fetch_file,
    persist,
    public,
    uncached,
)
from essential_sparsity.support.pins import Pins
from essential_sparsity.support.validation import unknown
from essential_sparsity.tasks.source import SPLITS, Source, with_ids
from essential_sparsity.tasks.spec import HubData


def load(data: HubData, pins: Path | None = None) -> Source:
    """Return the two splits of a data set, all columns.

    Which files a split consists of is 🤗 datasets' to say, or the lock file's, if they were fetched
    before: then nobody is asked, and what the client's cache has is not fetched again. Obeys
    `HF_ENDPOINT`, `HF_HOME`, `HF_HUB_OFFLINE` and `HF_TOKEN`. A file that is not the one which the
    hub announced, or served first, is refused.
    """
    lock = Pins(pins) if pins is not None else None
    pin = lock.find("datasets", data.repository, data.revision) if lock else None
    at = data.model_copy(update={"revision": pin.revision}) if pin else data
    keys = {split: f"{data.config or 'default'}/{getattr(data, split)}" for split in SPLITS}
    with _naming(data):
        if data.train == data.evaluation:
            raise UserError(
                f"evaluation: '{data.evaluation}' is the training split as well; name another"
            )
        if pin and all(key in pin.splits for key in keys.values()):
            files = {split: pin.splits[key] for split, key in keys.items()}
        else:
            at = at.model_copy(update={"revision": _reach(at)})
            _fetch_card(at)
            files = _files_of(at)
        fetched = {name: _fetch(at, name) for names in files.values() for name in names}
        tables = {
            split: pa.concat_tables(_read(fetched[name], name) for name in names)
            for split, names in files.items()
        }
    served = {name: sha256_of(file) for name, file in fetched.items()}
    if lock:
        splits = {key: files[split] for split, key in keys.items()}
        lock.pin("datasets", data.repository, data.revision, at.revision, served, splits)
    # Row numbers are stable names, because the commit is.
    named = {split: with_ids(t, getattr(data, split), own=False) for split, t in tables.items()}
    features = datasets.Features.from_arrow_schema(tables["train"].schema)
    classes = {
        column: tuple(feature.names)
        for column, feature in features.items()
        if isinstance(feature, datasets.ClassLabel)
    }
    origin = {**data.model_dump(mode="json"), "commit": at.revision, "files": served}
    return Source(named, classes, origin)


@contextmanager
def _naming(data: HubData) -> Iterator[None]:
    """Name the data set in every error."""
    is_commit = re.fullmatch(r"[0-9a-f]{40}", data.revision) is not None
    revision = data.revision[:8] if is_commit else data.revision
    try:
        yield
    except UserError as error:
        raise UserError(f"data set {data.repository} at {revision}: {error}") from None


def _reach(data: HubData) -> str:
    """Return the commit; ask with a short deadline, because what follows is retried for long."""
    try:
        info = ask(
            lambda api, timeout: api.dataset_info(
                data.repository, revision=data.revision, timeout=timeout
            )
        )
    except Unreachable as error:
        raise UserError(
            f"{uncached(error, 'all of it')}; or take a task whose data need no hub, such as topic "
            "or pair"
        ) from None
    return commit_of(info)


def _fetch_card(data: HubData) -> None:
    """Fetch the card, if there is one: 🤗 datasets would wait minutes for a silent hub."""
    try:
        fetch_file("dataset", data.repository, "README.md", data.revision)
    except Unreachable as error:
        raise uncached(error, "README.md") from None
    except UserError:
        pass  # it has none: its files speak for themselves


def _files_of(data: HubData) -> dict[str, list[str]]:
    """Return the names, inside the repository, of the Parquet files of each of our splits."""
    at = {"path": data.repository, "revision": data.revision}
    configs = _look_up(partial(datasets.get_dataset_config_names, **at))
    if data.config not in configs and (data.config or len(configs) > 1):
        raise UserError(unknown("", "config", data.config, configs, "configuration"))
    builder = _look_up(partial(datasets.load_dataset_builder, name=data.config, **at))
    available = dict(builder.config.data_files or {})
    prefix = f"hf://datasets/{data.repository}@{data.revision}/"
    files: dict[str, list[str]] = {}
    for split in SPLITS:
        name = getattr(data, split)
        if name not in available:
            raise UserError(unknown("", split, name, map(str, available), "split"))
        files[split] = [str(file).removeprefix(prefix) for file in available[name]]
        for file in files[split]:
            if not file.endswith(".parquet"):
                raise UserError(
                    f"{file} is not Parquet; take a revision of refs/convert/parquet, where hubs "
                    "keep the same data as Parquet"
                )
    return files


def _look_up(call: Callable[[], Any]) -> Any:
    """Return what `call`, of 🤗 datasets, finds on the hub."""

    def attempt() -> Any:
        try:
            return call()
        except (
            ValueError,
            RuntimeError,
            FileNotFoundError,
            datasets.exceptions.DatasetsError,
        ) as error:
            # Its words for a repository without data, with data of unknown kinds, or a script.
            raise UserError(f"its files cannot be made out: {public(error)[:200]}") from None

    return persist(attempt)


def _fetch(data: HubData, name: str) -> Path:
    """Fetch a file, or find it in the client's cache."""
    print(f"{data.repository}: {name}", file=sys.stderr, flush=True)
    try:
        return fetch_file("dataset", data.repository, name, data.revision)
    except Unreachable as error:
        raise uncached(error, name) from None


def _read(file: Path, name: str) -> pa.Table:
    try:
        return pq.read_table(file)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{name}: not a readable Parquet file: {error}") from None
