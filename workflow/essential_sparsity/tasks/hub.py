"""Data sets of a hub, at a pinned revision, as Parquet files whose checksums are verified."""

import os
import sys
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import (
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from essential_sparsity.errors import UserError, one_line
from essential_sparsity.files import sha256_of
from essential_sparsity.tasks.source import SPLITS, Source
from essential_sparsity.tasks.spec import HubData
from essential_sparsity.validation import unknown

# How long a hub may take to answer the first question before it counts as unreachable.
TIMEOUT_SECONDS = 10


def load(data: HubData) -> Source:
    """Return the two splits of a data set, all columns.

    Raises:
        UserError: the hub cannot be reached; it has no such data set, revision, configuration or
            split; the split is not Parquet; a file is not the one that the hub lists.
    """
    api = HfApi()
    where = f"data set {data.repository} at {data.revision[:8]}"
    if data.train == data.evaluation:
        raise UserError(
            f"{where}: evaluation: '{data.evaluation}' is the training split as well; name another"
        )
    _check_reachable(api, data, where)
    files = _files_of(data, where)
    checksums = _checksums(api, data, [name for names in files.values() for name in names], where)
    tables = {
        split: pa.concat_tables(
            [_read(api, data, name, checksums.get(name), where) for name in names]
        )
        for split, names in files.items()
    }
    origin = {
        "repository": data.repository,
        "revision": data.revision,
        "config": data.config,
        "files": {name: checksums.get(name) for names in files.values() for name in names},
    }
    # Row numbers are stable names, because the revision is pinned.
    splits = {split: _with_ids(table, getattr(data, split)) for split, table in tables.items()}
    return Source(splits, _classes(tables["train"]), origin)


def _check_reachable(api: HfApi, data: HubData, where: str) -> None:
    """Ask one question with a short deadline, because later ones are retried for a long time."""
    try:
        api.dataset_info(data.repository, revision=data.revision, timeout=TIMEOUT_SECONDS)
    except RevisionNotFoundError:
        raise UserError(f"{where}: {api.endpoint} has no revision {data.revision}") from None
    except RepositoryNotFoundError:
        raise UserError(
            f"{where}: {api.endpoint} has no such data set, or not for you; check data.repository,"
            " and log in (`hf auth login`) if it is private or gated"
        ) from None
    except Exception as error:
        raise _unreachable(api, where, error) from None


def _unreachable(api: HfApi, where: str, error: Exception) -> Exception:
    """Return what to raise for whatever the hub's client raised: the disk's errors as they are."""
    if isinstance(error, OSError) and error.errno and not isinstance(error, ConnectionError):
        return error
    offline = " (HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") else ""
    return UserError(
        f"{where}: the hub at {api.endpoint} cannot be reached{offline}: {one_line(error)[:160]};"
        " check the network, HF_ENDPOINT and the proxy settings, or take a task whose data need no"
        " hub, such as topic or pair"
    )


def _files_of(data: HubData, where: str) -> dict[str, list[str]]:
    """Return the names, inside the repository, of the Parquet files of each of our splits."""
    try:
        configs = datasets.get_dataset_config_names(data.repository, revision=data.revision)
        if data.config not in configs and (data.config or len(configs) > 1):
            raise UserError(unknown(where, "config", data.config, configs, "configuration"))
        builder = datasets.load_dataset_builder(
            data.repository, data.config, revision=data.revision
        )
    except (UserError, ConnectionError):
        raise
    except Exception as error:
        raise UserError(f"{where}: its files cannot be made out: {one_line(error)[:200]}") from None
    available = builder.config.data_files or {}
    prefix = f"hf://datasets/{data.repository}@{data.revision}/"
    files: dict[str, list[str]] = {}
    for split in SPLITS:
        name = getattr(data, split)
        if name not in available:
            raise UserError(unknown(where, split, name, map(str, available), "split"))
        files[split] = [str(file).removeprefix(prefix) for file in available[name]]
        for file in files[split]:
            if not file.endswith(".parquet"):
                raise UserError(
                    f"{where}: {file} is not Parquet; take a revision of refs/convert/parquet, where"
                    " hubs keep the same data as Parquet"
                )
    return files


def _checksums(api: HfApi, data: HubData, names: list[str], where: str) -> dict[str, str]:
    """Return the SHA-256 that the hub lists, by file, for the files that have one."""
    try:
        infos = api.get_paths_info(
            data.repository, names, revision=data.revision, repo_type="dataset"
        )
    except Exception as error:
        raise _unreachable(api, where, error) from None
    return {info.path: info.lfs.sha256 for info in infos if getattr(info, "lfs", None)}


def _read(api: HfApi, data: HubData, name: str, sha256: str | None, where: str) -> pa.Table:
    """Fetch a file (or find it in the client's cache), verify it, read it."""
    print(f"{data.repository}: {name}", file=sys.stderr)
    try:
        path = hf_hub_download(data.repository, name, repo_type="dataset", revision=data.revision)
    except Exception as error:
        raise _unreachable(api, where, error) from None
    file = Path(path)
    # The client checks sizes only, so that a flipped byte would go unnoticed.
    if sha256 is not None and sha256_of(file) != sha256:
        file.resolve().unlink()
        raise UserError(
            f"{where}: {name}: the file that arrived has not the sha256 that {api.endpoint} lists"
            f" ({sha256[:12]}…); it was thrown away, run the study again"
        )
    try:
        return pq.read_table(file)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{where}: {name}: not a readable Parquet file: {error}") from None


def _with_ids(table: pa.Table, split: str) -> pa.Table:
    if "id" in table.column_names:
        table = table.drop_columns("id")
    ids = [f"{split}/{row}" for row in range(table.num_rows)]
    return table.append_column("id", pa.array(ids, pa.string()))


def _classes(table: pa.Table) -> dict[str, tuple[str, ...]]:
    """Return the classes' names of the columns whose file declares them."""
    features = datasets.Features.from_arrow_schema(table.schema)
    return {
        column: tuple(feature.names)
        for column, feature in features.items()
        if isinstance(feature, datasets.ClassLabel)
    }
