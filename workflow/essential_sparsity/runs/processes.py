"""Several processes that do the same work together, one a device."""

import logging
import multiprocessing
import os
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from essential_sparsity.runs.divergence import Diverged
from essential_sparsity.support.errors import UserError

_Result = TypeVar("_Result")


def launch(count: int, work: Callable[..., _Result], *arguments: Any) -> _Result:
    """Call `work(*arguments)` in `count` processes that know of each other; return the first's.

    They die with this one, and with any of them that fails.

    Args:
        count: how many; a single one is this process.
        work: a module's function; it, its arguments and what it returns are pickled.
        arguments: what it is given.

    Raises:
        UserError: one of them did.
        torch.OutOfMemoryError: one of them did.
        RuntimeError: one of them failed in another way: its traceback.
    """
    if count == 1:
        return work(*arguments)
    # What it has to say of a failure is said below, and in one line.
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    # A server imports what the work needs, once, and each of the processes is a fork of it.
    multiprocessing.set_forkserver_preload([work.__module__])
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=0,
        start_method="forkserver",
    )
    try:
        results: dict[int, _Result] = elastic_launch(config, work)(*arguments)
    except ChildFailedError as error:
        _, failure = error.get_first_failure()
        raise _as_error(failure.message) from None
    return results[0]


def place() -> tuple[int, int]:
    """Return which process this is, from 0, and of how many."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def _as_error(message: Any) -> Exception:
    if not isinstance(message, dict):
        return RuntimeError(message)
    name, _, text = message["message"].partition(": ")
    if name == torch.OutOfMemoryError.__name__:
        return torch.OutOfMemoryError(text)
    if name in (UserError.__name__, Diverged.__name__):
        return UserError(text)
    return RuntimeError(message["extraInfo"]["py_callstack"])
