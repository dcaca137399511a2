"""What a run does when a device's memory is too small: the same batch, in smaller parts."""

import gc
import sys
from collections.abc import Callable
from typing import TypeVar

import torch

from essential_sparsity.runs.batches import Sharing
from essential_sparsity.support.errors import UserError

_Result = TypeVar("_Result")


def fit_memory(
    work: Callable[[int], _Result], batch: int, devices: int, limit: int, title: str
) -> _Result:
    """Call `work` with a limit of examples a device takes at once, halved while memory is short.

    What a step sees stays the recipe's batch: it is taken in more parts. Work that has left a
    restart point goes on from there.

    Args:
        work: limit → result; 0 is no limit.
        batch: examples an optimiser step.
        devices: how many share them.
        limit: to begin with.
        title: of the run, for the notes.

    Raises:
        UserError: a single example does not fit.
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
