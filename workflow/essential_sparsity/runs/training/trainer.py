"""A Trainer whose steps are the same on any devices, with a mask held, and what goes beside it."""

import math
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from accelerate import PartialState
from torch.utils.data import Dataset, Sampler, SequentialSampler
from transformers import (
    EvalPrediction,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from essential_sparsity.runs.heads.head import Head
from essential_sparsity.runs.job import Diverged
from essential_sparsity.runs.model import HeldMask
from essential_sparsity.runs.training.batches import Batches, Loader
from essential_sparsity.runs.training.resume import mark_whole


class StepTrainer(Trainer):
    """A Trainer on batches that are shared out by optimiser steps, with a mask held."""

    def __init__(self, batches: Batches, held: HeldMask, **options: Any) -> None:
        self._batches = batches
        self._held = held
        super().__init__(**options)

    def training_step(self, *arguments: Any, **options: Any) -> torch.Tensor:
        """Do a forward and a backward pass, and mask the gradients: clipping comes after it."""
        loss: torch.Tensor = super().training_step(*arguments, **options)
        self._held.mask_gradients()
        return loss

    def get_train_dataloader(self) -> Loader:
        """Return this device's batches."""
        return Loader(
            self.train_dataset,  # type: ignore[arg-type]
            self._batches,
            collate_fn=self.data_collator,
            pin_memory=self.args.dataloader_pin_memory,
        )

    # Trainer's own groups evaluation by length, in random order, where training is grouped; and
    # predictions are those of the rows beside which they are written.
    def _get_eval_sampler(self, eval_dataset: Dataset[Any]) -> Sampler[int]:
        return SequentialSampler(eval_dataset)  # type: ignore[arg-type]


def takes_bf16(precision: str) -> bool:
    """Tell whether a run computes under bf16 autocast: if asked to, or where the GPU has it.

    Weights, gradients and moments are fp32 in either case.
    """
    if precision != "auto":
        return precision == "bf16"
    # Not where it is emulated, which is slower than fp32.
    return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)


class MeanLoss:
    """A head's loss, as Trainer wants it: the mean over a step's labels, wherever they are."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._outputs: list[str] = []

    def __call__(
        self, outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the sum over a batch's labels, over the number of those of the whole step."""
        self._outputs = [name for name in outputs if name != "loss"]
        count = _count(labels) if num_items_in_batch is None else num_items_in_batch
        return self._head.loss(outputs, labels) / count

    def over(self, evaluation: EvalPrediction) -> float:
        """Return the mean over all labels of an evaluation, no matter how it was batched."""
        found = evaluation.predictions
        arrays = found if isinstance(found, tuple) else (found,)
        tensors = [torch.from_numpy(array) for array in arrays]
        outputs = SimpleNamespace(**dict(zip(self._outputs, tensors, strict=True)))
        labels = torch.from_numpy(evaluation.label_ids)
        return float(self._head.loss(outputs, labels) / _count(labels))


def _count(labels: torch.Tensor) -> torch.Tensor:
    return labels.ne(-100).sum()


class MaskCheck(TrainerCallback):
    """Checks weights and moments at every evaluation, gradients on the step before it."""

    def __init__(self, held: HeldMask, steps_per_epoch: int) -> None:
        self._held = held
        self._steps_per_epoch = steps_per_epoch

    def on_pre_optimizer_step(self, args: Any, state: TrainerState, control: Any, **_: Any) -> None:
        """Check the gradients that the optimiser is about to use."""
        if state.global_step == 0 or (state.global_step + 1) % self._steps_per_epoch == 0:
            self._held.check_gradients()

    def on_evaluate(self, args: Any, state: TrainerState, control: Any, **extra: Any) -> None:
        """Check the weights that were just evaluated, and the optimiser's moments."""
        self._held.check_weights()
        self._held.check_moments(extra["optimizer"])


class MarkWhole(TrainerCallback):
    """Marks a checkpoint once all processes have written theirs: a killed run may leave a part.

    After the last epoch none is written: a run that went on from it would have nothing left to
    train, hence nothing to evaluate.
    """

    def on_epoch_end(
        self, args: Any, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Have no checkpoint written where training ends."""
        if state.global_step >= state.max_steps:
            control.should_save = False

    def on_save(self, args: TrainingArguments, state: TrainerState, control: Any, **_: Any) -> None:
        """Leave the mark in the checkpoint's folder."""
        PartialState().wait_for_everyone()
        if state.is_world_process_zero:
            mark_whole(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}")


class Progress(TrainerCallback):
    """Prints a line at the start and every ten seconds, and stops a run that has diverged."""

    def __init__(self, title: str, interval: float = 10.0) -> None:
        self._title = title
        self._interval = interval
        self._loss = math.nan

    def on_train_begin(self, args: Any, state: TrainerState, control: Any, **_: Any) -> None:
        """Start the clock."""
        self._started = self._last = time.monotonic()
        self._first_step = state.global_step

    def on_step_end(self, args: Any, state: TrainerState, control: Any, **_: Any) -> None:
        """Print step, loss, speed and the time that is left."""
        now = time.monotonic()
        if now - self._last < self._interval or not state.is_world_process_zero:
            return
        self._last = now
        pace = (now - self._started) / (state.global_step - self._first_step)
        left = pace * (state.max_steps - state.global_step)
        loss = "" if math.isnan(self._loss) else f"loss {self._loss:.3f}, "
        print(
            f"{self._title}: step {state.global_step}/{state.max_steps}, {loss}"
            f"{pace:.2f} s a step, {left:.0f} s left",
            file=sys.stderr,
            flush=True,
        )

    def on_log(self, args: Any, state: TrainerState, control: Any, **extra: Any) -> None:
        """Note the loss; a loss that is no number, be it the evaluation's, ends the run."""
        logs: dict[str, float] = extra["logs"]
        self._loss = logs.get("loss", self._loss)
        for loss in (logs.get("loss", 0.0), logs.get("eval_loss", 0.0)):
            if not math.isfinite(loss):
                raise Diverged(f"loss {loss} at step {state.global_step}")
