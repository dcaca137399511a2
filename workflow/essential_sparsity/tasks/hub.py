"""Data sets of a hub, at a pinned revision, as Parquet files whose checksums are verified."""

import sys
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
from huggingface_hub import HfApi, constants, hf_hub_download
from huggingface_hub.hf_api import RepoFile

from essential_sparsity.errors import UserError, one_line
from essential_sparsity.files import sha256_of
from essential_sparsity.hub import Unreachable, ask, refusal
from essential_sparsity.tasks.source import SPLITS, Source
from essential_sparsity.tasks.spec import HubData
from essential_sparsity.validation import unknown


def load(data: HubData) -> Source:
    """Return the two splits of a data set, all columns.

    Which files a split consists of is 🤗 datasets' to say. Obeys `HF_ENDPOINT`, `HF_HOME` and
    `HF_TOKEN`; files that the client's cache already has are not fetched again.

    Raises:
        UserError: the hub cannot be reached; it has no such data set, revision, configuration or
            split; the split is not Parquet; a file is not the one that the hub lists.
    """
    where = f"data set {data.repository} at {data.revision[:8]}"
    if data.train == data.evaluation:
        raise UserError(
            f"{where}: evaluation: '{data.evaluation}' is the training split as well; name another"
        )
    _check_reachable(data, where)
    files = _files_of(data, where)
    checksums = _checksums(data, [name for names in files.values() for name in names], where)
    tables = {
        split: pa.concat_tables(_read(data, name, checksums.get(name), where) for name in names)
        for split, names in files.items()
    }
    # Row numbers are stable names, because the revision is pinned.
    splits = {split: _with_ids(table, getattr(data, split)) for split, table in tables.items()}
    origin = {**data.model_dump(mode="json"), "files": checksums}
    return Source(splits, _classes(tables["train"]), origin)


def _check_reachable(data: HubData, where: str) -> None:
    """Ask for the data set with a short deadline, because what follows is retried for long."""
    try:
        ask(
            lambda api, timeout: api.dataset_info(
                data.repository, revision=data.revision, timeout=timeout
            )
        )
    except Unreachable as error:
        raise UserError(
            f"{where}: {error}; check the network, HF_ENDPOINT and the proxy, or take a task whose"
            " data need no hub, such as topic or pair"
        ) from None
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def _files_of(data: HubData, where: str) -> dict[str, list[str]]:
    """Return the names, inside the repository, of the Parquet files of each of our splits."""
    available = _all_files(data, where)
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
                    f"{where}: {file} is not Parquet; take a revision of refs/convert/parquet,"
                    " where hubs keep the same data as Parquet"
                )
    return files


def _all_files(data: HubData, where: str) -> dict[Any, list[Any]]:
    """Return every split's files, as URLs."""
    try:
        configs = datasets.get_dataset_config_names(data.repository, revision=data.revision)
        if data.config not in configs and (data.config or len(configs) > 1):
            raise UserError(unknown(where, "config", data.config, configs, "configuration"))
        builder = datasets.load_dataset_builder(
            data.repository, data.config, revision=data.revision
        )
    except UserError:
        raise
    except (ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        # Its words for a repository without data, with data of unknown kinds, or with a script.
        raise UserError(f"{where}: its files cannot be made out: {one_line(error)[:200]}") from None
    except Exception as error:
        raise UserError(f"{where}: {refusal(error)}") from None
    return dict(builder.config.data_files or {})


def _checksums(data: HubData, names: list[str], where: str) -> dict[str, str]:
    """Return the SHA-256 that the hub lists, by file; it lists none for small files."""
    api = HfApi(endpoint=constants.ENDPOINT)
    try:
        infos = api.get_paths_info(
            data.repository, names, revision=data.revision, repo_type="dataset"
        )
    except Exception as error:
        raise UserError(f"{where}: {refusal(error)}") from None
    return {
        info.path: info.lfs.sha256
        for info in infos
        if isinstance(info, RepoFile) and info.lfs is not None
    }


def _read(data: HubData, name: str, sha256: str | None, where: str) -> pa.Table:
    """Fetch a file (or find it in the client's cache), verify it, read it."""
    print(f"{data.repository}: {name}", file=sys.stderr, flush=True)
    try:
        path = hf_hub_download(
            data.repository,
            name,
            repo_type="dataset",
            revision=data.revision,
            cache_dir=constants.HF_HUB_CACHE,
            endpoint=constants.ENDPOINT,
        )
    except Exception as error:
        raise UserError(f"{where}: {name}: {refusal(error)}") from None
    file = Path(path)
    # The client checks sizes only, so that a flipped byte would go unnoticed.
    if sha256 is not None and sha256_of(file) != sha256:
        blob = file.resolve()
        file.unlink()
        blob.unlink(missing_ok=True)
        raise UserError(
            f"{where}: {name}: its sha256 is not the one that the hub lists; it was"
            " damaged on the way or in the cache and is taken out of the cache; try again"
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
