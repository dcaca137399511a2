"""Questions to a hub that end within seconds: in an answer, or in the reason why there is none.

The hub's client waits and retries, and a resolver can hang below every timeout of it; so the first
question is asked in a thread that is left behind when its time is up.
"""

import errno
import queue
import threading
from collections.abc import Callable
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

# The disk's failures are not the hub's: they go up as they are.
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}


class Unreachable(UserError):
    """The hub did not answer: what the cache holds may still serve."""


def ask(question: Callable[[HfApi, float], Answer]) -> Answer:
    """Return `question(api, timeout in seconds)`, or give up a little after the timeout.

    The timeout is the client's own, set by `HF_HUB_ETAG_TIMEOUT` (10 s by default).

    Raises:
        Unreachable: no answer in time, no connection, or `HF_HUB_OFFLINE` is set.
        UserError: the hub refused: see `refusal`.
    """
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
            "the repository is gated: ask for access on its page, then `hf auth login` or set "
            "HF_TOKEN"
        )
    if isinstance(error, DisabledRepoError):
        return UserError("the repository is disabled")
    if isinstance(error, RevisionNotFoundError):
        return UserError("the repository has no such revision")
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
        return UserError("the hub lists a file that it does not have")
    if isinstance(error, HfHubHTTPError):
        code = error.response.status_code
        if code in (401, 403):
            return UserError(
                f"{constants.ENDPOINT} refuses access ({code}): `hf auth login`, or set HF_TOKEN"
            )
        return Unreachable(f"{constants.ENDPOINT} does not answer as a hub does: status {code}")
    if isinstance(error, OSError) and error.errno in _DISK:
        raise error
    return _unreachable(f"{type(error).__name__}: {one_line(error)[:200]}")


def _unreachable(reason: str) -> Unreachable:
    return Unreachable(f"the hub at {constants.ENDPOINT} cannot be reached: {reason}")
