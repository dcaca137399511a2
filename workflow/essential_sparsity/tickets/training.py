"""Training that finds a mask: a round of a lottery ticket, or one gradual pruning."""

from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import torch

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.masks.criteria.gradual import Gradual
from essential_sparsity.masks.trained import Trained
from essential_sparsity.runs.job import Job, Outcome
from essential_sparsity.runs.procedures.fine_tuning.run import fine_tune
from essential_sparsity.runs.procedures.fine_tuning.spec import RunSpec
from essential_sparsity.runs.training.companion import Rewound
from essential_sparsity.runs.training.devices import fit_memory
from essential_sparsity.tickets.gradual import GradualRemoval
from essential_sparsity.tickets.selection import Harvest, select


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
    job: Job[RunSpec],
    begun: Path,
    spec: Trained,
    scratch: Path,
    output: Path,
    threads: int | None = None,
) -> Found:
    """Fine-tune from `m ⊙ θp`, and write the mask that the trained weights make to `output`.

    The weights themselves are not kept: the next training begins with θp, or with the file of an
    early step, again.

    Args:
        checkpoint: the job's, opened; its stored weights are θp.
        job: the fine-tuning, with the mask m that it begins with.
        begun: the file of m.
        spec: the mask to find.
        scratch: a folder for weights.
        output: the mask's file.
        threads: for selecting; all cores if None.

    Raises:
        UserError: see `fine_tune` and `select`.
    """

    def train(limit: int) -> tuple[Outcome, _Round | GradualRemoval]:
        training: _Round | GradualRemoval = _Round(*job.start)
        if isinstance(spec, Gradual):
            training = GradualRemoval(checkpoint, spec, begun, scratch, threads)
        return fine_tune(replace(job, limit=limit), training), training

    batch = job.spec.recipe.batch_size
    outcome, training = fit_memory(train, batch, job.devices, job.limit, job.title)
    # Gradual pruning has removed its last by now: the selection finds just these again.
    held = training.held if isinstance(training, GradualRemoval) else begun
    select(checkpoint, training.weights, held, spec, scratch, output, threads)
    return Found(outcome.metrics, training.head)
