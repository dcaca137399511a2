"""Questions to a hub that end within seconds: in an answer, or in the reason why there is none.

The hub's client waits and retries, and a resolver can hang below every timeout of it; so the first
question is asked in a thread that is left behind when its time is up. Files are fetched after it.
"""

import errno
import hashlib
import logging
import re
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path, PurePosixPath
from typing import Any, Literal, TypeVar

import tenacity
from huggingface_hub import (
    HfApi,
    constants,
    get_session,
    hf_hub_download,
    hf_hub_url,
    set_client_factory,
    try_to_load_from_cache,
)
from huggingface_hub.errors import (
    DisabledRepoError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils.tqdm import tqdm

from essential_sparsity.support.credentials import without_credentials
from essential_sparsity.support.errors import UserError, one_line
from essential_sparsity.support.files import sha256_of

Answer = TypeVar("Answer")

# What a hub under load, or a proxy before it, answers.
_BUSY = {408, 429, 500, 502, 503, 504}

# Errors of the client's HTTP library, by name: which library that is changes with its version.
_BROKEN = {"RemoteProtocolError", "ReadError", "WriteError"}
# The disk's failures are not the hub's: they go up as they are.
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}

# What the hub's refusals mean, the more special ones first.
_REFUSALS: dict[type[Exception], str] = {
    GatedRepoError: "says that the repository is gated: ask for access on its page, then `hf auth "
    "login` or set HF_TOKEN",
    DisabledRepoError: "says that the repository is disabled",
    RevisionNotFoundError: "says that the repository has no such revision: correct it, or "
    "take main",
    RepositoryNotFoundError: "has no such repository, or it is private and wants a login (`hf auth "
    "login` or HF_TOKEN)",
    EntryNotFoundError: "lists a file that it does not have: try again later, or take another "
    "revision",
}


class Unreachable(UserError):
    """The hub did not answer: what the cache holds may still serve."""


class Interrupted(Unreachable):
    """The hub began to answer, or asked to be left alone for a moment: worth another try."""


def endpoint() -> str:
    """Return the hub's address, without a password that may stand in it."""
    return public(constants.ENDPOINT)


def public(text: object) -> str:
    """Return `text` as one line to print: no tokens, no passwords, signatures or control codes."""
    return re.sub(r"(\w://[^\s?]+)\?\S+", r"\1", without_credentials(one_line(text)))


def ask(question: Callable[[HfApi, float], Answer]) -> Answer:
    """Return `question(api, timeout in seconds)`, or give up a little after the timeout.

    The timeout is the client's own, set by `HF_HUB_ETAG_TIMEOUT` (10 s by default).
    """

    def ask_once() -> Answer:
        timeout = float(constants.HF_HUB_ETAG_TIMEOUT)
        answer: Future[Answer] = Future()

        def work() -> None:
            try:
                answer.set_result(question(HfApi(endpoint=constants.ENDPOINT), timeout))
            except Exception as error:
                answer.set_exception(error)

        threading.Thread(target=work, daemon=True).start()
        try:
            return answer.result(timeout + 1)
        except TimeoutError:
            raise _unreachable(f"no answer within {timeout:g} s") from None

    return persist(ask_once)


def fetch_file(
    kind: Literal["model", "dataset"],
    repository: str,
    name: str,
    commit: str,
    offline: bool = False,
) -> Path:
    """Return a file of the client's cache, fetched if it is not there, its digest verified.

    The client goes on where a broken transfer ended. With `offline`, the cache alone is asked.

    Raises:
        UserError: the hub does not answer or refuses; the file is not the one that it announced;
            its name leads out of the repository.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        raise UserError(f"{name!r}: is no name of a file in a repository")

    url = hf_hub_url(repository, name, repo_type=kind, revision=commit, endpoint=constants.ENDPOINT)
    cached = try_to_load_from_cache(repository, name, constants.HF_HUB_CACHE, commit, kind)

    def fetch() -> Path:
        file = hf_hub_download(
            repository,
            name,
            repo_type=kind,
            revision=commit,
            cache_dir=constants.HF_HUB_CACHE,
            endpoint=constants.ENDPOINT,
            local_files_only=offline,
            tqdm_class=_Lines,
        )
        return Path(file)

    try:
        if not offline and not isinstance(cached, str):
            # The client would wait for its answer for six minutes.
            ask(lambda api, timeout: api.get_hf_file_metadata(url=url, timeout=timeout))
        file = persist(fetch)
    except UserError as error:
        raise type(error)(f"{name}: {error}") from None
    _check_transfer(file, name)
    return file


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
            f"{name}: its digest is {actual}, {endpoint()} announced {announced}; it was damaged "
            "on the way or in the cache and is taken out of the cache; try again"
        )


def uncached(error: Unreachable, what: str) -> Unreachable:
    """Return why `what` is neither fetched, for `error`, nor taken from the client's cache."""
    return Unreachable(
        f"{error}; and the cache {constants.HF_HUB_CACHE} does not have {what}: check the network, "
        "HF_ENDPOINT, HF_HUB_OFFLINE and the proxy, or take along the cache (HF_HOME), and the "
        "study's models.lock, from where it was fetched"
    )


def commit_of(info: Any) -> str:
    """Return the commit of a hub's answer about a repository: it becomes a folder's name."""
    if not re.fullmatch(r"[0-9a-f]{40}", str(info.sha)):
        raise UserError(f"{endpoint()} names no commit, but '{public(info.sha)[:60]}'")
    return str(info.sha)


def _announce(state: tenacity.RetryCallState) -> None:
    if state.outcome:
        print(f"{state.outcome.exception()}; trying again", file=sys.stderr, flush=True)


@tenacity.retry(
    retry=tenacity.retry_if_exception_type(Interrupted),
    stop=tenacity.stop_after_attempt(3),
    wait=tenacity.wait_incrementing(start=1, increment=1),  # seconds
    before_sleep=_announce,
    reraise=True,
)
def persist(attempt: Callable[[], Answer]) -> Answer:
    """Return what `attempt` returns: called up to three times where the hub is busy or breaks off.

    Raises:
        Unreachable: no answer in time, no connection, or `HF_HUB_OFFLINE` is set.
        UserError: the hub refused.
    """
    try:
        return attempt()
    except Exception as error:
        raise refusal(error) from None


def refusal(error: Exception) -> UserError:
    """Return one clear reason for an error of the hub's client; raise one of the disk."""
    if isinstance(error, UserError):
        return error
    if isinstance(error, OfflineModeIsEnabled):
        return _unreachable("HF_HUB_OFFLINE is set")
    if isinstance(error, LocalEntryNotFoundError):
        # The client's wrapping of whatever kept it from the network.
        if isinstance(error.__cause__, Exception):
            return refusal(error.__cause__)
        return _unreachable(public(error)[:200])
    for kind, meaning in _REFUSALS.items():
        if isinstance(error, kind):
            return UserError(f"{endpoint()} {meaning}")
    if isinstance(error, HfHubHTTPError):
        code = error.response.status_code
        if code in (401, 403):
            return UserError(
                f"{endpoint()} refuses access ({code}): `hf auth login`, or set HF_TOKEN"
            )
        reason = f"{endpoint()} does not answer as a hub does: status {code}"
        return Interrupted(reason) if code in _BUSY else Unreachable(reason)
    if isinstance(error, OSError) and error.errno in _DISK:
        raise error
    reason = f"{type(error).__name__}: {public(error)[:200]}"
    if type(error).__name__ in _BROKEN:
        return Interrupted(f"the hub at {endpoint()} broke off: {reason}")
    return _unreachable(reason)


def _unreachable(reason: str) -> Unreachable:
    return Unreachable(f"the hub at {endpoint()} cannot be reached: {reason}")


class _Lines(tqdm):
    """A long download's progress as a line now and then, which a log can hold."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        options |= {"mininterval": 10, "maxinterval": 10, "miniters": 1, "delay": 5, "leave": False}
        super().__init__(*arguments, **options)  # type: ignore[no-untyped-call]

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        if self.n and self.total and msg != "":
            line = f"{self.desc}: {self.n / 1e6:.0f} of {self.total / 1e6:.0f} MB"
            print(line, file=sys.stderr, flush=True)


class _Public(logging.Filter):
    """Keeps passwords and signatures out of the client's own log lines."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = public(record.getMessage()), ()
        return True


def _check_names(response: Any) -> None:
    """Refuse an answer about a file whose headers, as names, would lead out of the cache."""
    headers = response.headers
    for header in ("X-Repo-Commit", "X-Linked-Etag", "ETag", "X-Xet-Hash"):
        value = headers.get(header, "0")
        if "X-Repo-Commit" in headers and not re.fullmatch(r'(W/)?"?\w[\w.+=:-]*"?', value):
            raise UserError(
                f"{endpoint()} sends an {header} that is no name: {public(value)[:60]!r}"
            )


_default = get_session()


def _client() -> Any:
    """Return a client as the library's own, which checks names besides."""
    hooks = {**_default.event_hooks, "response": [_check_names]}
    return type(_default)(event_hooks=hooks, follow_redirects=True, timeout=None)


set_client_factory(_client)
for _handler in logging.getLogger("huggingface_hub").handlers:
    _handler.addFilter(_Public())
