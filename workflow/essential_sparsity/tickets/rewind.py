"""Keeps the weights of the first steps of a dense fine-tuning, for tickets that rewind to them."""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import torch
from transformers import (
    PreTrainedModel,
    TrainerCallback,
    TrainerControl,
    TrainerState,
)

from essential_sparsity.checkpoints.manifest import load_manifest
from essential_sparsity.checkpoints.weights import write_weights
from essential_sparsity.masks.mask import Mask
from essential_sparsity.runs.command import add_training
from essential_sparsity.runs.job import Job
from essential_sparsity.runs.model import HeldMask, Weight, tensors_of
from essential_sparsity.runs.procedures.fine_tuning.run import fine_tune
from essential_sparsity.runs.procedures.fine_tuning.spec import RunSpec
from essential_sparsity.runs.training.companion import Companion
from essential_sparsity.runs.training.resume import RestartPoint
from essential_sparsity.support.errors import UserError, run_stage
from essential_sparsity.support.files import atomic_path
from essential_sparsity.support.gpus import reserve
from essential_sparsity.tasks.manifest import load_task


class _StopAfter(Companion, TrainerCallback):
    """Ends the training after its first steps, and takes the weights that pre-training left."""

    wants_weights = True
    state: dict[str, torch.Tensor]

    def __init__(self, steps: int) -> None:
        self._steps = steps

    def end(self, model: PreTrainedModel, weights: list[Weight]) -> None:
        self.state = tensors_of(model, pre_trained=True)

    def callbacks(
        self, held: HeldMask, weights: list[Weight], resumed: Path | None
    ) -> list[TrainerCallback]:
        return [self]

    def on_train_begin(self, args: Any, state: TrainerState, control: Any, **_: Any) -> None:
        if self._steps >= state.max_steps:
            raise UserError(
                f"rewind: {self._steps}: the recipe has {state.max_steps} steps; rewind to an "
                "earlier one"
            )

    def on_step_end(
        self, args: Any, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        control.should_training_stop = state.global_step >= self._steps


def main() -> None:
    """Read the arguments, train for the first steps, write the base model's weights."""
    parser = argparse.ArgumentParser(
        prog="python -m essential_sparsity.tickets.rewind", description=__doc__
    )
    parser.add_argument("--spec", required=True, help="a run's, as JSON or a file of it")
    parser.add_argument("--output", required=True, type=Path, help="the .safetensors to write")
    add_training(parser)
    parser.add_argument("--steps", required=True, type=int, help="how many")
    arguments = parser.parse_args()
    reserve(arguments.gpus, arguments.gpu_share)
    early = _StopAfter(arguments.steps)
    with tempfile.TemporaryDirectory(prefix="essential-sparsity-") as scratch:
        job = Job(
            arguments.checkpoint,
            load_manifest(arguments.checkpoint),
            load_task(arguments.task),
            Mask.load(arguments.mask),
            RunSpec.read(arguments.spec),
            RestartPoint(Path(scratch) / "restart", ""),
            arguments.output.parent.name,
            limit=arguments.per_device_batch,
        )
        fine_tune(job, early)
    with atomic_path(arguments.output) as temporary:
        write_weights(temporary, early.state, sealed=True)


if __name__ == "__main__":
    run_stage(main)
