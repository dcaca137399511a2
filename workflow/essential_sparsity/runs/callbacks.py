"""What happens beside training: the mask is checked, progress told, divergence noticed."""

import math
import sys
import time
from pathlib import Path
from typing import Any

from accelerate import PartialState
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from essential_sparsity.runs.divergence import Diverged
from essential_sparsity.runs.held_mask import HeldMask
from essential_sparsity.runs.resume import mark_whole


class MaskCheck(TrainerCallback):
    """Checks weights and moments at every evaluation, gradients on the step before it."""

    def __init__(self, held: HeldMask, steps_per_epoch: int) -> None:
        """Take the mask that is held, and after how many steps an evaluation comes."""
        self._held = held
        self._steps_per_epoch = steps_per_epoch

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Check the gradients that the optimiser is about to use."""
        if state.global_step == 0 or (state.global_step + 1) % self._steps_per_epoch == 0:
            self._held.check_gradients()

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **extra: Any
    ) -> None:
        """Check the weights that were just evaluated, and the optimiser's moments."""
        self._held.check_weights()
        self._held.check_moments(extra["optimizer"])


class MarkWhole(TrainerCallback):
    """Marks a checkpoint once all processes have written theirs: a killed run may leave a part.

    After the last epoch none is written: a run that went on from it would have nothing left to
    train, hence nothing to evaluate.
    """

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Have no checkpoint written where training ends."""
        if state.global_step >= state.max_steps:
            control.should_save = False

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Leave the mark in the checkpoint's folder."""
        PartialState().wait_for_everyone()
        if state.is_world_process_zero:
            mark_whole(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}")


class Progress(TrainerCallback):
    """Prints a line at the start and every ten seconds, and stops a run that has diverged."""

    def __init__(self, title: str, interval: float = 10.0) -> None:
        """Take what the lines begin with, and how many seconds pass between two."""
        self._title = title
        self._interval = interval
        self._loss = math.nan

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Start the clock."""
        self._started = self._last = time.monotonic()
        self._first_step = state.global_step

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
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

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Note the loss; a loss that is no number, be it the evaluation's, ends the run."""
        logs = logs or {}
        self._loss = logs.get("loss", self._loss)
        for loss in (logs.get("loss", 0.0), logs.get("eval_loss", 0.0)):
            if not math.isfinite(loss):
                raise Diverged(f"loss {loss} at step {state.global_step}")
