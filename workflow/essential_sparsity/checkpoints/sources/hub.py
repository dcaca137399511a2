"""A checkpoint from a model repository of the hub, by way of the hub client's own cache."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from huggingface_hub import constants, try_to_load_from_cache
from huggingface_hub.errors import HFValidationError

from essential_sparsity.checkpoints.inventory import CONFIG, choose
from essential_sparsity.checkpoints.spec import HubSource
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.hub import (
    Unreachable,
    ask,
    commit_of,
    endpoint,
    fetch_file,
    uncached,
)


def fetch_from_hub(source: HubSource, target: Path, base: Path | None) -> dict[str, Any]:
    """Bring the files of the revision, from the cache where it has them; record the commit.

    Obeys `HF_ENDPOINT`, `HF_HOME`, `HF_HUB_OFFLINE` and `HF_TOKEN`.
    """
    try:
        names, commit = _list_repository(source)
        offline = False
    except Unreachable as error:
        names, commit = _list_cache(source)
        offline = True
        if not names:
            what = f"all files of {source.repository} at {source.revision}"
            raise uncached(error, what) from None
        print(f"{error}; using the cache", file=sys.stderr, flush=True)
    for name in choose(names):
        file = fetch_file("model", source.repository, name, commit, offline)
        _place(file.resolve(), target / name)
    return {"endpoint": endpoint(), "from_cache": offline, "commit": commit}


def _list_repository(source: HubSource) -> tuple[list[str], str]:
    """Return the repository's files, and the commit that the revision is."""
    info = ask(
        lambda api, timeout: api.model_info(
            source.repository, revision=source.revision, timeout=timeout
        )
    )
    return [sibling.rfilename for sibling in info.siblings or []], commit_of(info)


def _list_cache(source: HubSource) -> tuple[list[str], str]:
    """Return the files that the client's cache has of this revision, and its commit.

    There are none if they do not suffice. Weights are fetched last (see `choose`), so that where
    they are cached, the rest is too.
    """
    try:
        config = try_to_load_from_cache(
            source.repository, CONFIG, constants.HF_HUB_CACHE, source.revision
        )
    except HFValidationError:
        return [], ""
    if not isinstance(config, str):
        return [], ""
    snapshot = Path(config).parent
    names = [path.name for path in snapshot.iterdir() if path.is_file()]
    try:
        return choose(names), snapshot.name
    except UserError:
        return [], ""


def _place(file: Path, target: Path) -> None:
    """Link a file of the cache, which is never written to, or copy it to another file system."""
    try:
        os.link(file, target)
    except OSError:
        shutil.copyfile(file, target)
