"""Training that finds a mask: a round of a lottery ticket, or gradual pruning.

Masks come from trained weights by the machinery of every other mask. The weights themselves are not
kept: the next training begins with θp, or with the file of an early step, again.
"""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from transformers import (
    PreTrainedModel,
    TrainerCallback,
    TrainerState,
    TrainingArguments,
)

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.checkpoints.weights import write_weights
from essential_sparsity.masks.computation import compute_masks
from essential_sparsity.masks.criteria.gradual import Gradual
from essential_sparsity.masks.criterion import Inputs
from essential_sparsity.masks.mask import Mask
from essential_sparsity.masks.trained import Trained
from essential_sparsity.runs.job import Diverged, Job, Outcome
from essential_sparsity.runs.model import HeldMask, Weight, tensors_of
from essential_sparsity.runs.procedures.fine_tuning.run import fine_tune
from essential_sparsity.runs.training.companion import Rewound
from essential_sparsity.runs.training.devices import fit_memory

_HELD = "held.safetensors"


def find_mask(
    checkpoint: Checkpoint,
    job: Job,
    begun: Path,
    spec: Trained,
    scratch: Path,
    output: Path,
    threads: int | None = None,
) -> tuple[pa.Table, dict[str, torch.Tensor]]:
    """Fine-tune from `m ⊙ θp`, and write the mask that the trained weights make to `output`.

    Returns the training's evaluations, as those of a run, and the trained tensors that pre-training
    did not leave, by the model's names. The stored weights of the job's `checkpoint` are θp, the
    file `begun` holds its mask m; weights go to `scratch` for a while.
    """

    def train(limit: int) -> tuple[Outcome, Harvest]:
        training = Harvest(*job.start)
        if isinstance(spec, Gradual):
            training = GradualRemoval(checkpoint, spec, begun, scratch, threads)
        return fine_tune(replace(job, limit=limit), training), training

    batch = job.spec.recipe.batch_size
    outcome, training = fit_memory(train, batch, job.devices, job.limit, job.title)
    # Gradual pruning has removed its last by now: the selection finds just these again.
    held = training.held if isinstance(training, GradualRemoval) else begun
    _select(checkpoint, training.weights, held, spec, scratch, output, threads)
    return outcome.metrics, training.head


class Harvest(Rewound):
    """Holds on to the trained prunable matrices, and to the head.

    It begins with a head that was kept, or weights of an early step, if files hold such.
    """

    wants_weights = True
    weights: list[Weight]
    head: dict[str, torch.Tensor]

    def end(self, model: PreTrainedModel, weights: list[Weight]) -> None:
        """Take matrices and head."""
        self.weights = weights
        self.head = tensors_of(model, pre_trained=False)


class GradualRemoval(Harvest):
    """Gradual magnitude pruning while a model trains (Zhu and Gupta, 2017).

    Removes the smallest weights at the steps of a schedule; `held` is the mask's file by now.
    """

    def __init__(
        self, checkpoint: Checkpoint, spec: Gradual, begun: Path, scratch: Path, threads: int | None
    ) -> None:
        super().__init__()
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
        """Remove as many weights as the schedule says after this removal, from 1."""
        for weight in weights:
            if not bool(torch.isfinite(weight.values).all()):
                raise Diverged(f"weight of {weight.matrix.name} is not finite")
        at = self._spec.model_copy(
            update={"sparsity": round(self._spec.sparsity_after(removal), 6)}
        )
        tightened = self._scratch / "tightened.safetensors"
        _select(self._checkpoint, weights, self.held, at, self._scratch, tightened, self._threads)
        tightened.replace(self.held)
        held.tighten(Mask.load(self.held), weights)

    def steps(self, total: int) -> dict[int, int]:
        """Return step → number of the removal after it, for a training of `total` steps.

        Of several removals that fall on one step, the last one is made.
        """
        spec = self._spec
        span = (spec.end - spec.begin) * total
        last = max(spec.removals - 1, 1)
        places = (round(spec.begin * total + span * index / last) for index in range(spec.removals))
        return {max(1, min(total - 1, place)): index for index, place in enumerate(places, start=1)}


class _Removal(TrainerCallback):
    def __init__(self, owner: GradualRemoval, held: HeldMask, weights: list[Weight]) -> None:
        self._owner = owner
        self._held = held
        self._weights = weights

    def on_step_end(self, args: Any, state: TrainerState, control: Any, **extra: Any) -> None:
        """Remove weights, if it is time; what they leave in the optimiser goes with them."""
        removal = self._owner.steps(state.max_steps).get(state.global_step)
        if removal is not None:
            self._owner.remove(removal, self._held, self._weights)
            self._held.clear_moments(extra["optimizer"])

    def on_save(self, args: TrainingArguments, state: TrainerState, control: Any, **_: Any) -> None:
        """Leave the mask in the epoch checkpoint."""
        folder = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
        shutil.copyfile(self._owner.held, folder / _HELD)


def _select(
    checkpoint: Checkpoint,
    weights: list[Weight],
    held: Path,
    spec: Trained,
    scratch: Path,
    output: Path,
    threads: int | None,
) -> None:
    """Write the mask of `spec`: the smallest of the trained weights go, the removed ones first.

    `held` is the mask under which the weights were trained last, `scratch` a folder for them; they
    are deleted again.
    """
    trained = scratch / spec.files()["weights"]
    state = {weight.matrix.name: weight.values.float().cpu() for weight in weights}
    write_weights(trained, {name: tensor.contiguous() for name, tensor in state.items()})
    files = {"weights": trained, "held": held}
    masks = dict.fromkeys(spec.references(), held)
    try:
        compute_masks(checkpoint, {output: spec}, Inputs(masks, files), threads=threads)
    finally:
        trained.unlink()
