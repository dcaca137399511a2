"""What the tests of masks share: computing a mask into memory, and the truth by sorting."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.masks.computation import compute_masks
from essential_sparsity.masks.criterion import Criterion, Inputs
from essential_sparsity.masks.mask import Mask

Compute = Callable[..., list[Mask]]


@pytest.fixture
def compute(tmp_path: Path) -> Compute:
    """Return a function (folder, *specs) → the masks, computed together."""

    def work(
        folder: Path, *specs: Criterion, inputs: Inputs | None = None, **more: object
    ) -> list[Mask]:
        wanted = {tmp_path / "masks" / f"{spec.name}.safetensors": spec for spec in specs}
        with Checkpoint.survey(folder) as checkpoint:
            compute_masks(checkpoint, wanted, inputs, **more)  # type: ignore[arg-type]
        return [Mask.load(path) for path in wanted]

    return work


def keep_of(mask: Mask) -> list[np.ndarray]:
    return [mask.keep(name) for name in mask.matrices]


def brute_force(keys: Sequence[np.ndarray], count: int) -> list[np.ndarray]:
    """Sort everything by (key, matrix, flat index) and drop the first `count`."""
    flat = np.concatenate([k.ravel() for k in keys])
    keep = np.ones(flat.size, dtype=bool)
    keep[np.argsort(flat, kind="stable")[:count]] = False
    parts = np.split(keep, np.cumsum([k.size for k in keys])[:-1])
    return [part.reshape(k.shape) for part, k in zip(parts, keys, strict=True)]
