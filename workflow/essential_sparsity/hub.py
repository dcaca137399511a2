"""Questions to a hub that end within seconds: in an answer, or in the reason why there is none.

The hub's client waits and retries, and a resolver can hang below every timeout of it; so the first
question is asked in a thread that is left behind when its time is up.
"""

import errno
import queue
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from huggingface_hub import HfApi, constants
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

from essential_sparsity.errors import UserError, one_line

Answer = TypeVar("Answer")

_TRIES = 3
_WAIT = 1.0  # seconds before the second try, twice as many before the third
# What a hub under load, or a proxy before it, answers.
_BUSY = {408, 429, 500, 502, 503, 504}

# Errors of the client's HTTP library, by name: which library that is changes with its version.
_BROKEN = {"RemoteProtocolError", "ReadError", "WriteError"}
# The disk's failures are not the hub's: they go up as they are.
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}


class Unreachable(UserError):
    """The hub did not answer: what the cache holds may still serve."""


class Interrupted(Unreachable):
    """The hub began to answer, or asked to be left alone for a moment: worth another try."""


def ask(question: Callable[[HfApi, float], Answer]) -> Answer:
    """Return `question(api, timeout in seconds)`, or give up a little after the timeout.

    A hub that is busy, or drops the connection, is asked up to three times.

    The timeout is the client's own, set by `HF_HUB_ETAG_TIMEOUT` (10 s by default).

    Raises:
        Unreachable: no answer in time, no connection, or `HF_HUB_OFFLINE` is set.
        UserError: the hub refused: see `refusal`.
    """
    return _persist(lambda: _ask_once(question))


def download(fetch: Callable[[], str]) -> Path:
    """Return the file that `fetch`, a download by the hub's client, brings; up to three tries.

    The client goes on where a broken transfer ended.

    Raises:
        Unreachable: the hub does not answer.
        UserError: the hub refused: see `refusal`.
    """

    def once() -> Path:
        try:
            return Path(fetch())
        except Exception as error:
            raise refusal(error) from None

    return _persist(once)


def _persist(attempt: Callable[[], Answer]) -> Answer:
    for number in range(1, _TRIES):
        try:
            return attempt()
        except Interrupted as error:
            print(f"{error}; trying again", file=sys.stderr, flush=True)
            time.sleep(_WAIT * number)
    return attempt()


def _ask_once(question: Callable[[HfApi, float], Answer]) -> Answer:
    timeout = float(constants.HF_HUB_ETAG_TIMEOUT)
    outcome: queue.Queue[tuple[bool, Any]] = queue.Queue()

    def work() -> None:
        try:
            outcome.put((True, question(HfApi(endpoint=constants.ENDPOINT), timeout)))
        except Exception as error:
            outcome.put((False, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        answered, result = outcome.get(timeout=timeout + 1)
    except queue.Empty:
        raise _unreachable(f"no answer within {timeout:g} s") from None
    if answered:
        return result  # type: ignore[no-any-return]
    raise refusal(result) from None


def refusal(error: Exception) -> UserError:
    """Return one clear reason for an error of the hub's client.

    Raises:
        OSError: the error is the disk's, not the hub's.
    """
    if isinstance(error, UserError):
        return error
    if isinstance(error, OfflineModeIsEnabled):
        return _unreachable("HF_HUB_OFFLINE is set")
    if isinstance(error, GatedRepoError):
        return UserError(
            f"{constants.ENDPOINT} says that the repository is gated: ask for access on its page, "
            "then `hf auth login` or set HF_TOKEN"
        )
    if isinstance(error, DisabledRepoError):
        return UserError(f"{constants.ENDPOINT} says that the repository is disabled")
    if isinstance(error, RevisionNotFoundError):
        return UserError(
            f"the repository at {constants.ENDPOINT} has no such revision: correct it in the "
            "catalog entry"
        )
    if isinstance(error, RepositoryNotFoundError):
        return UserError(
            f"{constants.ENDPOINT} has no such repository, or it is private and wants a login "
            "(`hf auth login` or HF_TOKEN)"
        )
    if isinstance(error, LocalEntryNotFoundError):
        # The client's wrapping of whatever kept it from the network.
        if isinstance(error.__cause__, Exception):
            return refusal(error.__cause__)
        return _unreachable(one_line(error)[:200])
    if isinstance(error, EntryNotFoundError):
        return UserError(
            f"{constants.ENDPOINT} lists a file that it does not have: try again later, or take "
            "another revision"
        )
    if isinstance(error, HfHubHTTPError):
        code = error.response.status_code
        if code in (401, 403):
            return UserError(
                f"{constants.ENDPOINT} refuses access ({code}): `hf auth login`, or set HF_TOKEN"
            )
        reason = f"{constants.ENDPOINT} does not answer as a hub does: status {code}"
        return Interrupted(reason) if code in _BUSY else Unreachable(reason)
    if isinstance(error, OSError) and error.errno in _DISK:
        raise error
    reason = f"{type(error).__name__}: {one_line(error)[:200]}"
    if type(error).__name__ in _BROKEN:
        return Interrupted(f"the hub at {constants.ENDPOINT} broke off: {reason}")
    return _unreachable(reason)


def _unreachable(reason: str) -> Unreachable:
    return Unreachable(f"the hub at {constants.ENDPOINT} cannot be reached: {reason}")
