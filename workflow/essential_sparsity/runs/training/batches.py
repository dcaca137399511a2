"""The batches of a run: each optimiser step's examples, shared among devices, in parts that fit.

What a step sees is the recipe's batch, in an order that the seed and the epoch fix, whatever fits a
device and however many devices there are.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler
from transformers.trainer_pt_utils import get_length_grouped_indices

# Labels of this value count nothing, neither in a loss nor in the number of labels.
_IGNORED = -100

# Streams of random numbers that a run's seed gives, each independent of the others.
DATA_ORDER, DROPOUT = range(2)


def stream_seed(seed: int, stream: int, part: int) -> int:
    """Return the seed of a stream's part: of an epoch's order, of a device's dropout.

    Mixed rather than added up, since torch's generator for CPUs takes 32 bits of a seed, and the
    first epoch of seed 2 is not to have the order of the second one of seed 1.
    """
    return int(np.random.SeedSequence((seed, stream, part)).generate_state(1)[0])


@dataclass(frozen=True)
class Sharing:
    """How a step's `batch` of examples is shared out: each device takes its share in `parts`."""

    batch: int
    devices: int
    parts: int

    @classmethod
    def fit(cls, batch: int, devices: int, limit: int) -> "Sharing":
        """Return the fewest parts of at most `limit` examples (0: of any number)."""
        return cls(batch, devices, math.ceil(batch / (devices * limit)) if limit else 1)

    @property
    def device_batch(self) -> int:
        """The most examples that a device takes at once."""
        return math.ceil(self.batch / (self.devices * self.parts))

    def __str__(self) -> str:
        return (
            f"{self.batch} examples a step, on {self.devices} device(s) in {self.parts} part(s) "
            f"of at most {self.device_batch}"
        )

    def shares(self, step: list[int], device: int) -> list[list[int]]:
        """Return a device's batches of one step, as even as can be, and as few as will do.

        A device that would have none of a small last step gets one of its examples, as the number
        `~example`: it counts nothing.
        """
        parts = math.ceil(len(step) / (self.devices * self.device_batch))
        chunks = np.array_split(np.array(step), self.devices * parts)
        mine = chunks[device * parts : (device + 1) * parts]
        return [chunk.tolist() or [~step[0]] for chunk in mine]


class Batches(Sampler[list[int]]):
    """One device's batches of an epoch, a step's after another's."""

    def __init__(
        self, examples: int, sharing: Sharing, device: int, seed: int, lengths: list[int] | None
    ) -> None:
        # `lengths`: the examples' lengths if steps take similar ones, else None.
        self._examples = examples
        self._sharing = sharing
        self._device = device
        self._seed = seed
        self._lengths = lengths
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Take the number of the epoch that comes next."""
        self._epoch = epoch

    def __len__(self) -> int:
        return sum(map(len, self._shares(list(range(self._examples)))))

    def __iter__(self) -> Iterator[list[int]]:
        # Of its own, so that it depends on nothing that was drawn before, such as dropout.
        seed = stream_seed(self._seed, DATA_ORDER, self._epoch)
        generator = torch.Generator().manual_seed(seed)
        if self._lengths is None:
            order = torch.randperm(self._examples, generator=generator).tolist()
        else:
            size = self._sharing.batch
            order = get_length_grouped_indices(  # type: ignore[no-untyped-call]
                self._lengths, size, generator=generator
            )
        for share in self._shares(order):
            yield from share

    def _shares(self, order: list[int]) -> Iterator[list[list[int]]]:
        """Yield this device's batches of each step."""
        size = self._sharing.batch
        for start in range(0, len(order), size):
            yield self._sharing.shares(order[start : start + size], self._device)


class _Counted(Dataset[dict[str, Any]]):
    """Rows, and under `~i` row i with labels that count nothing."""

    def __init__(self, rows: Dataset[dict[str, Any]]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> dict[str, Any]:
        if index >= 0:
            return self._rows[index]
        row = self._rows[~index]
        return {**row, "labels": np.full_like(row["labels"], _IGNORED).tolist()}


class Loader(DataLoader[Any]):
    """Loads the batches of a device; Trainer tells it the epoch."""

    def __init__(self, rows: Dataset[dict[str, Any]], batches: Batches, **options: Any) -> None:
        super().__init__(_Counted(rows), batch_sampler=batches, **options)
        self._batches = batches

    def set_epoch(self, epoch: int) -> None:
        """Take the number of the epoch that comes next."""
        self._batches.set_epoch(epoch)
