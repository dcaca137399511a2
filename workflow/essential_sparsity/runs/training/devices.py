"""Devices: several processes that work together, one each, and batches that fit their memory."""

import gc
import logging
import multiprocessing
import os
import sys
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from essential_sparsity.runs.job import Diverged
from essential_sparsity.runs.training.batches import Sharing
from essential_sparsity.support.errors import UserError

_Result = TypeVar("_Result")


def launch(count: int, work: Callable[..., _Result], *arguments: Any) -> _Result:
    """Call `work(*arguments)` in `count` processes that know of each other; return the first's.

    They die with this one, and with any of them that fails: what it raised is raised, a
    `RuntimeError` with its traceback unless it was a `UserError` or memory was short. A single one
    is this process; for more, `work` is a module's function, and all that passes is pickled.
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


def fit_memory(
    work: Callable[[int], _Result], batch: int, devices: int, limit: int, title: str
) -> _Result:
    """Call `work` with a limit of examples a device takes at once, halved while memory is short.

    What a step sees stays the recipe's batch: it is taken in more parts. Work that has left a
    restart point goes on from there. `limit` is the one to begin with, 0 for none.
    """
    while True:
        try:
            return work(limit)
        except torch.OutOfMemoryError as error:
            finding = str(error).partition("\n")[0].partition(". ")[0]
        # Only here, past the exception, which holds on to all that was allocated.
        gc.collect()
        torch.cuda.empty_cache()
        tried = Sharing.fit(batch, devices, limit).device_batch
        if tried == 1:
            raise UserError(
                f"{title}: {finding}, with one example at a time: the model takes a device with "
                "more memory"
            )
        limit = tried // 2
        print(
            f"{title}: note: {finding}: again with {Sharing.fit(batch, devices, limit)}",
            file=sys.stderr,
            flush=True,
        )
