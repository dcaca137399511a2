"""A checkpoint from a model repository of the hub, by way of the hub client's own cache."""

import hashlib
import os
import re
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

from huggingface_hub import constants, hf_hub_download
from huggingface_hub.utils.tqdm import tqdm

from essential_sparsity.checkpoints.contents import CONFIG, choose
from essential_sparsity.checkpoints.spec import HubSource
from essential_sparsity.errors import UserError
from essential_sparsity.files import sha256_of
from essential_sparsity.hub import Unreachable, ask, download


def fetch_from_hub(source: HubSource, target: Path, base: Path | None) -> dict[str, Any]:
    """Bring the files of the revision, from the cache where it has them; record the commit.

    Obeys `HF_ENDPOINT`, `HF_HOME`, `HF_HUB_OFFLINE` and `HF_TOKEN`.

    Raises:
        UserError: the hub cannot be reached or refuses; the repository holds no checkpoint; a file
            is not the one that the hub announced.
    """
    try:
        names, commit = _list_repository(source)
        offline = False
    except Unreachable as error:
        names, commit = _list_cache(source)
        offline = True
        if not names:
            raise
        print(f"{error}; using the cache", file=sys.stderr, flush=True)
    for name in choose(names):
        fetch = partial(
            hf_hub_download,
            source.repository,
            name,
            revision=commit,
            cache_dir=constants.HF_HUB_CACHE,
            endpoint=constants.ENDPOINT,
            local_files_only=offline,
            tqdm_class=_Lines,
        )
        try:
            cached = download(fetch)
        except UserError as error:
            raise UserError(f"{name}: {error}") from None
        _check_transfer(cached, name)
        _place(cached.resolve(), target / name)
    return {"endpoint": constants.ENDPOINT, "from_cache": offline, "commit": commit}


def _list_repository(source: HubSource) -> tuple[list[str], str]:
    """Return the repository's files, and the commit that the revision is."""
    info = ask(
        lambda api, timeout: api.model_info(
            source.repository, revision=source.revision, timeout=timeout
        )
    )
    return [sibling.rfilename for sibling in info.siblings or []], str(info.sha)


def _list_cache(source: HubSource) -> tuple[list[str], str]:
    """Return the files that the client's cache has of this revision, and its commit.

    There are none if they do not suffice.

    Weights are fetched last (see `choose`), so that where they are cached, the rest is too.
    """
    try:
        config = hf_hub_download(
            source.repository,
            CONFIG,
            revision=source.revision,
            cache_dir=constants.HF_HUB_CACHE,
            local_files_only=True,
        )
    except Exception:  # whatever is wrong with the cache, it does not have the file
        return [], ""
    snapshot = Path(config).parent
    names = [path.name for path in snapshot.iterdir() if path.is_file()]
    try:
        return choose(names), snapshot.name
    except UserError:
        return [], ""


def _check_transfer(cached: Path, name: str) -> None:
    """Compare a file with the digest that the hub announced; the client compares sizes only.

    The cache names its files by that digest: SHA-256 for large files, git's own SHA-1 for others.
    A file that differs is taken out of the cache, so that it is fetched anew next time.
    """
    blob = cached.resolve()
    announced = blob.name
    if re.fullmatch(r"[0-9a-f]{64}", announced):
        actual = sha256_of(blob)
    elif re.fullmatch(r"[0-9a-f]{40}", announced):
        content = blob.read_bytes()
        header = b"blob %d\0" % len(content)
        actual = hashlib.sha1(header + content, usedforsecurity=False).hexdigest()
    else:  # a file system without links: the cache holds the file under its own name
        return
    if actual != announced:
        cached.unlink(missing_ok=True)
        blob.unlink(missing_ok=True)
        raise UserError(
            f"{name}: its digest is {actual}, {constants.ENDPOINT} announced {announced}; it was "
            "damaged on the way or in the cache and is taken out of the cache; try again"
        )


def _place(file: Path, target: Path) -> None:
    """Link a file of the cache, which is never written to, or copy it to another file system."""
    try:
        os.link(file, target)
    except OSError:
        shutil.copyfile(file, target)


class _Lines(tqdm):
    """A long download's progress as a line now and then, which a log can hold."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        options |= {"mininterval": 10, "maxinterval": 10, "miniters": 1, "delay": 5, "leave": False}
        super().__init__(*arguments, **options)  # type: ignore[no-untyped-call]

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        if self.n and self.total and msg != "":
            line = f"{self.desc}: {self.n / 1e6:.0f} of {self.total / 1e6:.0f} MB"
            print(line, file=sys.stderr, flush=True)
