"""Training that finds a mask: a round of a lottery ticket, or one gradual pruning."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import torch

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.masks.criteria.gradual import Gradual
from essential_sparsity.masks.mask import Mask
from essential_sparsity.masks.trained import Trained
from essential_sparsity.runs.fine_tuning import Outcome, fine_tune
from essential_sparsity.runs.memory import fit_memory
from essential_sparsity.runs.resume import RestartPoint
from essential_sparsity.runs.rewound import Rewound
from essential_sparsity.runs.spec import RunSpec
from essential_sparsity.tasks.manifest import TaskData
from essential_sparsity.tickets.gradual import GradualRemoval
from essential_sparsity.tickets.harvest import Harvest
from essential_sparsity.tickets.selection import select


class _Round(Rewound, Harvest):
    """Begins with a head that was kept, or weights of an early step, if files hold such."""


@dataclass(frozen=True)
class Found:
    """What a training leaves beside its mask.

    Attributes:
        metrics: its evaluations, as those of a run.
        head: the trained tensors that pre-training did not leave, by the model's names.
    """

    metrics: pa.Table
    head: dict[str, torch.Tensor]


def find_mask(
    checkpoint: Checkpoint,
    task: TaskData,
    begun: Path,
    spec: Trained,
    run: RunSpec,
    restart: RestartPoint,
    scratch: Path,
    output: Path,
    *,
    start: Iterable[Path] = (),
    per_device_batch: int = 0,
    threads: int | None = None,
) -> Found:
    """Fine-tune from `m ⊙ θp`, and write the mask that the trained weights make to `output`.

    The weights themselves are not kept: the next training begins with θp, or with the file of an
    early step, again.

    Args:
        checkpoint: opened; its stored weights are θp.
        task: the task's data.
        begun: the mask m that training begins with.
        spec: the mask to find.
        run: recipe, metric and seed.
        restart: where epoch checkpoints lie.
        scratch: a folder for weights.
        output: the mask's file.
        start: files of tensors to start from instead, by the model's names.
        per_device_batch: examples that the device takes at once; 0 for the recipe's batch.
        threads: for selecting; all cores if None.

    Raises:
        UserError: see `fine_tune` and `select`.
    """
    mask = Mask.load(begun)

    def train(limit: int) -> tuple[Outcome, _Round | GradualRemoval]:
        training: _Round | GradualRemoval = _Round(*start)
        if isinstance(spec, Gradual):
            training = GradualRemoval(checkpoint, spec, begun, scratch, threads)
        outcome = fine_tune(
            checkpoint.folder, checkpoint.manifest, task, mask, run, restart, spec.name,
            limit, training,
        )  # fmt: skip
        return outcome, training

    batch = run.recipe.batch_size
    outcome, training = fit_memory(train, batch, 1, per_device_batch, spec.name)
    # Gradual pruning has removed its last by now: the selection finds just these again.
    held = training.held if isinstance(training, GradualRemoval) else begun
    select(checkpoint, training.weights, held, spec, scratch, output, threads)
    return Found(outcome.metrics, training.head)
