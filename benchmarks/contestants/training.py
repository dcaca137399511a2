"""A step of fine-tuning: dense, with a mask held by its gradients, and with torch's pruning."""

import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.utils import prune as torch_prune
from transformers import BertConfig, BertForSequenceClassification

from benchmarks.contestants.turn import resident_peak
from essential_sparsity.checkpoints.manifest import load_manifest
from essential_sparsity.masks.mask import Mask
from essential_sparsity.runs.model import HeldMask, match_parameters

_WARM_UP = 2  # steps; the first one allocates the optimiser's moments

# (model, checkpoint, mask) → what is called after each backward pass.
_Prepare = Callable[[Any, Path, Path], Callable[[], None]]


class Training:
    """A classifier of random weights and its optimiser; a turn is one step."""

    def __init__(
        self, prepare: _Prepare, checkpoint: str, mask: str, shape: dict[str, int],
        batch: tuple[int, int],
    ) -> None:  # fmt: skip
        """Build the model and mask it by `prepare(model, checkpoint, mask)`; do the first steps."""
        torch.set_num_threads(1)
        torch.manual_seed(0)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        config = BertConfig.from_dict({"num_labels": 2, **shape})
        model = BertForSequenceClassification(config).train()
        self._model = model.to(self._device)
        self._after_backward = prepare(self._model, Path(checkpoint), Path(mask))
        self._optimizer = torch.optim.AdamW(self._model.parameters(), lr=2e-5, fused=True)
        size = (4, *batch)
        ids = torch.randint(config.vocab_size, size, device=self._device)
        labels = torch.randint(2, size[:2], device=self._device)
        self._batches = cycle(zip(ids, labels, strict=True))
        for _ in range(_WARM_UP):
            self.turn()

    def clock(self) -> float:
        """Return the processor's time, of one thread; on a GPU, which it waits for, the wall's."""
        return time.perf_counter() if self._device.type == "cuda" else time.process_time()

    def turn(self) -> None:
        """Do one step: forward, backward, clipping, optimiser."""
        ids, labels = next(self._batches)
        self._model(input_ids=ids, labels=labels).loss.backward()
        self._after_backward()
        nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad()
        if self._device.type == "cuda":
            torch.cuda.synchronize()

    def peak(self) -> int:
        """Return the most bytes that were in use: the GPU's where there is one."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated()
        return resident_peak()


def dense(**options: Any) -> Training:
    """Train without a mask."""
    return Training(lambda model, checkpoint, mask: _nothing, **options)


def held(**options: Any) -> Training:
    """Train as runs do."""
    return Training(_hold, **options)


def prune(**options: Any) -> Training:
    """Train with each weight made anew from `weight_orig` and `weight_mask` in every step."""
    return Training(_prune, **options)


def _nothing() -> None:
    pass


def _hold(model: Any, checkpoint: Path, mask: Path) -> Callable[[], None]:
    weights = match_parameters(model, load_manifest(checkpoint))
    return HeldMask(Mask.load(mask), weights).mask_gradients


def _prune(model: Any, checkpoint: Path, mask: Path) -> Callable[[], None]:
    loaded = Mask.load(mask)
    weights = match_parameters(model, load_manifest(checkpoint))
    names = {id(weight.parameter): weight.matrix.name for weight in weights}
    for module in list(model.modules()):
        if isinstance(module, nn.Linear) and id(module.weight) in names:
            keep = torch.from_numpy(loaded.keep(names[id(module.weight)])).to(module.weight.device)
            torch_prune.custom_from_mask(module, "weight", keep)  # type: ignore[no-untyped-call]
    return _nothing
