"""CHECKPOINT on a command line: a folder, or a repository of the hub, kept in a cache.

A revision of a repository is fetched once into `essential-sparsity/` of the hub client's cache for
libraries (`HF_ASSETS_CACHE`, by default `HF_HOME/assets`). From then on it is read from there, and
no hub is asked. The commit of a branch or tag is kept as well.
"""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from essential_sparsity.architectures import find_architecture
from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.checkpoints.inventory import CONFIG
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import atomic_folder, read_json, write_text

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_REPOSITORY = re.compile(r"(?P<name>(?![.])[\w.-]+/[\w.-]+)(?:@(?P<revision>.+))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def open_checkpoint(source: str | Path, update: bool = False) -> Checkpoint:
    """Open the weights of a model, in place: nothing is loaded before it is asked for.

    Use it as a context manager, or leave closing to the end of the program.

    Args:
        source: a folder as `save_pretrained` writes it, or a hub's `org/name` or
            `org/name@revision`, which is fetched once and then read from a cache.
        update: ask the hub which commit a branch or tag is now, also where one is cached.

    Raises:
        UserError: there is neither such a folder nor such a repository, the hub cannot be reached,
            or what is there is damaged, pickled, or of an unknown architecture.

    >>> import essential_sparsity as es
    >>> with es.open_checkpoint("tiny-bert") as checkpoint:
    ...     first = checkpoint.matrices[0]
    ...     print(len(checkpoint.matrices), first.name, first.shape)
    ...     print(checkpoint.tensor(first).values().dtype)
    12 encoder.layer.0.attention.self.query.weight (16, 16)
    float32
    """
    return Checkpoint.survey(find_checkpoint(str(source), update))


def find_checkpoint(argument: str, update: bool = False) -> Path:
    """Return the folder of the checkpoint that `argument` names; fetch it if need be."""
    path = Path(argument).expanduser()
    if path.is_dir():
        return path
    if path.is_file():
        raise UserError(f"{path}: is a file; name the checkpoint's folder, in which it lies")
    repository = _REPOSITORY.fullmatch(argument)
    if repository is None:
        raise UserError(
            f"{path}: no such folder; a checkpoint is a folder, or a hub's org/name or "
            "org/name@revision"
        )
    try:
        return _find_on_hub(repository["name"], repository["revision"] or "main", update)
    except UserError as error:
        raise UserError(f"{argument}: no such folder, and from the hub: {error}") from None


def _find_on_hub(repository: str, revision: str, update: bool) -> Path:
    # Imported here: who names a folder does without the hub's client.
    from huggingface_hub import constants

    name = repository.replace("/", "--")
    cache = Path(constants.HF_ASSETS_CACHE) / "essential-sparsity" / name
    own = cache / "refs" / quote(revision, safe="")
    commit = revision
    if not _COMMIT.fullmatch(revision):
        # Which commit it was when we, or the hub's client, last asked for it.
        clients = Path(constants.HF_HUB_CACHE) / f"models--{name}" / "refs" / revision
        told = [path.read_text().strip() for path in (own, clients) if path.is_file()]
        known = next(filter(_COMMIT.fullmatch, told), None)
        if known and not update and (cache / known).is_dir():
            print(
                f"{repository}: {revision} is commit {known}, from the cache (--update asks anew)",
                file=sys.stderr,
            )
            return cache / known
        commit = _ask_for_commit(repository, revision, known)
    if not (cache / commit).is_dir():
        _fetch(repository, commit, cache / commit)
    if commit != revision:
        write_text(own, commit)
        print(f"{repository}: {revision} is commit {commit}", file=sys.stderr)
    return cache / commit


def _ask_for_commit(repository: str, revision: str, known: str | None) -> str:
    from essential_sparsity.support.hub import Unreachable, ask, commit_of

    try:
        info = ask(
            lambda api, timeout: api.model_info(repository, revision=revision, timeout=timeout)
        )
    except Unreachable as error:
        if known is None:
            raise
        print(f"{error}; using the cache", file=sys.stderr)
        return known
    return commit_of(info)


def _fetch(repository: str, commit: str, target: Path) -> None:
    """Bring the commit's files into the cache, whole or not at all."""
    from essential_sparsity.checkpoints.sources.hub import fetch_from_hub
    from essential_sparsity.checkpoints.spec import HubSource
    from essential_sparsity.checkpoints.weights import convert_pickles

    source = HubSource(kind="hub", repository=repository, revision=commit)
    with atomic_folder(target) as folder:
        try:
            _check_architecture(repository, commit)
            fetch_from_hub(source, folder, None)
            convert_pickles(folder)
        except ImportError as error:
            raise UserError(f"its weights are pickled; reading them needs {error.name}") from None
        except UserError as error:
            # The folder is temporary: its name means nothing to the user.
            raise UserError(str(error).replace(f"{folder}/", "")) from None


def _check_architecture(repository: str, commit: str) -> None:
    """Look at the configuration before the weights are fetched, which may be many gigabytes."""
    from huggingface_hub import constants

    from essential_sparsity.support.hub import ask

    def question(api: "HfApi", timeout: float) -> str:
        # A download is tried again and again where there is no hub; this first one is not.
        api.model_info(repository, revision=commit, timeout=timeout)
        return api.hf_hub_download(
            repository,
            CONFIG,
            revision=commit,
            cache_dir=constants.HF_HUB_CACHE,
            etag_timeout=timeout,
        )

    try:
        config = ask(question)
    except UserError:
        return  # what is wrong shows when the files are listed, and the cache may have them
    find_architecture(read_json(Path(config), "model configuration").get("model_type"), CONFIG)
