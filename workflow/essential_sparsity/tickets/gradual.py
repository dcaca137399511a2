"""Gradual magnitude pruning while a model trains (Zhu and Gupta, 2017)."""

import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.masks.criteria.gradual import Gradual
from essential_sparsity.masks.mask import Mask
from essential_sparsity.runs.job import Diverged
from essential_sparsity.runs.model import HeldMask, Weight
from essential_sparsity.tickets.selection import Harvest, select

_HELD = "held.safetensors"


class GradualRemoval(Harvest):
    """Removes the smallest weights at the steps of a schedule; `held` is the mask by now."""

    def __init__(
        self, checkpoint: Checkpoint, spec: Gradual, begun: Path, scratch: Path, threads: int | None
    ) -> None:
        """Take the model's checkpoint, the schedule, the first mask, and a folder to work in."""
        self._checkpoint = checkpoint
        self._spec = spec
        self._scratch = scratch
        self._threads = threads
        self.held = scratch / _HELD
        shutil.copyfile(begun, self.held)

    def callbacks(
        self, held: HeldMask, weights: list[Weight], resumed: Path | None
    ) -> list[TrainerCallback]:
        """Return the callback; it goes on with the mask that the epoch checkpoint was left with."""
        if resumed is not None:
            shutil.copyfile(resumed / _HELD, self.held)
            held.tighten(Mask.load(self.held), weights)
        return [_Removal(self, held, weights)]

    def remove(self, removal: int, held: HeldMask, weights: list[Weight]) -> None:
        """Remove as many weights as the schedule says after this removal, from 1.

        Raises:
            Diverged: a weight is not a finite number.
        """
        for weight in weights:
            if not bool(torch.isfinite(weight.values).all()):
                raise Diverged(f"weight of {weight.matrix.name} is not finite")
        at = self._spec.model_copy(
            update={"sparsity": round(self._spec.sparsity_after(removal), 6)}
        )
        tightened = self._scratch / "tightened.safetensors"
        select(self._checkpoint, weights, self.held, at, self._scratch, tightened, self._threads)
        tightened.replace(self.held)
        held.tighten(Mask.load(self.held), weights)

    def steps(self, total: int) -> dict[int, int]:
        """Return step → number of the removal after it, for a training of `total` steps.

        Of several removals that fall on one step, the last one is made.
        """
        spec = self._spec
        span = (spec.end - spec.begin) * total
        last = spec.removals - 1
        return {
            max(1, min(total - 1, round(spec.begin * total + span * index / max(last, 1)))): index
            + 1
            for index in range(spec.removals)
        }


class _Removal(TrainerCallback):
    def __init__(self, owner: GradualRemoval, held: HeldMask, weights: list[Weight]) -> None:
        self._owner = owner
        self._held = held
        self._weights = weights

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **extra: Any
    ) -> None:
        """Remove weights, if it is time; what they leave in the optimiser goes with them."""
        removal = self._owner.steps(state.max_steps).get(state.global_step)
        if removal is not None:
            self._owner.remove(removal, self._held, self._weights)
            self._held.clear_moments(extra["optimizer"])

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Leave the mask in the epoch checkpoint."""
        folder = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
        shutil.copyfile(self._owner.held, folder / _HELD)
