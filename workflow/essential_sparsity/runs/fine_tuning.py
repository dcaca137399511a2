"""Sparse fine-tuning: train `m ⊙ θ` on a task with the mask held (paper, §3.1 and Table 1)."""

import math
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import torch
from transformers import EvalPrediction, PrinterCallback
from transformers.utils import logging

from essential_sparsity.checkpoints.manifest import Manifest
from essential_sparsity.checkpoints.tensors import read_tensor
from essential_sparsity.masks.mask import Mask
from essential_sparsity.metrics import METRICS
from essential_sparsity.runs.batches import Batches, Sharing
from essential_sparsity.runs.callbacks import MarkWhole, MaskCheck, Progress
from essential_sparsity.runs.companion import Companion
from essential_sparsity.runs.divergence import Diverged
from essential_sparsity.runs.held_mask import HeldMask
from essential_sparsity.runs.kind import open_kind
from essential_sparsity.runs.loss import MeanLoss
from essential_sparsity.runs.model import Weight, load_model, match_parameters, with_unused
from essential_sparsity.runs.processes import place
from essential_sparsity.runs.resume import RestartPoint
from essential_sparsity.runs.seeds import DROPOUT, stream_seed
from essential_sparsity.runs.spec import RecipeSpec, RunSpec
from essential_sparsity.runs.trainer import StepTrainer, training_arguments
from essential_sparsity.support.errors import UserError
from essential_sparsity.tasks.manifest import TaskData

# Trainer's own loss of an evaluation is a mean of its batches'.
_LOSS = "loss_of_all"


@dataclass(frozen=True)
class Outcome:
    """What a run leaves.

    Attributes:
        metrics: one row an evaluation.
        predictions: one row an example of the last evaluation.
        movement: matrix → ‖θ_FT − m ⊙ θp‖, L2: how far training moved the weights that are kept;
            empty where training diverged.
    """

    metrics: pa.Table
    predictions: pa.Table
    movement: dict[str, float]


def fine_tune(
    checkpoint: Path,
    manifest: Manifest,
    task: TaskData,
    mask: Mask,
    spec: RunSpec,
    restart: RestartPoint,
    title: str,
    per_device_batch: int = 0,
    companion: Companion | None = None,
) -> Outcome:
    """Fine-tune the masked checkpoint on the task and evaluate it after every epoch.

    Everything that is not prunable trains dense: head, biases, LayerNorm, embeddings. The seed
    fixes the head, the data order and the dropout stream, whatever the mask. A restart point that
    holds an epoch checkpoint of this run is continued, with the same numbers as without the break.

    A device takes at most `per_device_batch` examples at once (0: all), in parts that make up the
    recipe's batch. Where this process is one of several that were launched together, each with a
    device, they share every batch, and all return the same outcome.

    Training that diverges is an outcome as well: its only evaluation says why under `failure`, and
    its predictions are the best answer that is the same for every example (`Kind.constants`), the
    least that anybody could make of such a model.

    Raises:
        UserError: mask and checkpoint do not belong together, a metric does not fit the task, see
            `Kind`.
        Diverged: training diverges, and there is a companion who wants its weights.
    """
    _check_inputs(checkpoint, manifest, mask)
    _check_metrics(task, spec)
    recipe = spec.recipe
    kind = open_kind(task, checkpoint, recipe)
    train, evaluation = kind.train(), kind.evaluation()

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    # Trainer says at every start that the CPU has no pinned memory.
    warnings.filterwarnings("ignore", message=".*pin_memory.*")
    companion = companion or Companion()
    model = load_model(checkpoint, manifest, kind, spec.seed)
    companion.start(model)
    weights = with_unused(match_parameters(model, manifest), checkpoint, manifest)
    held = HeldMask(mask, weights)
    resumed = restart.latest()
    predictions: list[pa.Table] = []
    rank, devices = place()
    sharing = Sharing.fit(recipe.batch_size, devices, per_device_batch)
    batches = Batches(train.num_rows, sharing, rank, spec.seed, _lengths(train, recipe))
    loss = MeanLoss(kind)

    def scores(found: pa.Table) -> dict[str, float]:
        return {name: METRICS[name].score(found) for name in (spec.metric, *spec.also)}

    def score(evaluated: EvalPrediction) -> dict[str, float]:
        mean = loss.over(evaluated)
        if not math.isfinite(mean):
            raise Diverged(f"evaluation loss {mean}")
        predictions[:] = [kind.predictions(evaluated.predictions, evaluation)]
        return {**scores(predictions[0]), _LOSS: mean}

    steps = math.ceil(train.num_rows / recipe.batch_size)
    trainer = StepTrainer(
        batches,
        held,
        model=model,
        args=training_arguments(recipe, sharing, spec.seed, restart.folder, steps),
        train_dataset=kind.dataset(train, "train"),
        eval_dataset=kind.dataset(evaluation, "evaluation"),
        data_collator=kind.collate,
        compute_loss_func=loss,
        compute_metrics=score,
        callbacks=[
            MaskCheck(held, steps),
            Progress(title),
            *companion.callbacks(held, weights, resumed),
            MarkWhole(),
        ],
    )
    trainer.remove_callback(PrinterCallback)  # `Progress` speaks instead
    torch.manual_seed(stream_seed(spec.seed, DROPOUT, rank))
    if rank == 0 and devices * sharing.parts > 1:
        print(f"{title}: {sharing}", file=sys.stderr, flush=True)
    started = time.monotonic()
    failure, moved = None, {}
    try:
        trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    except Diverged as error:
        if companion.wants_weights:
            raise Diverged(error.finding, title) from None
        failure = error.finding
    seconds = time.monotonic() - started
    if failure is None:
        held.check_weights()
        companion.end(model, weights)
        moved = {weight.matrix.name: _moved(checkpoint, weight, mask) for weight in weights}
        history = [entry for entry in trainer.state.log_history if "eval_loss" in entry]
        outcome = predictions[0]
    else:
        outcome = max(kind.constants(evaluation), key=METRICS[spec.metric].score)
        reached = {"epoch": trainer.state.epoch or 0, "step": trainer.state.global_step}
        history = [{**reached, **{f"eval_{name}": s for name, s in scores(outcome).items()}}]
    losses = [entry for entry in trainer.state.log_history if "loss" in entry]
    rows = {
        "epoch": pa.array([float(entry["epoch"]) for entry in history]),
        "step": pa.array([int(entry["step"]) for entry in history]),
        "metric": pa.array([spec.metric] * len(history)),
        "score": pa.array([float(entry[f"eval_{spec.metric}"]) for entry in history]),
        **{
            name: pa.array([float(entry[f"eval_{name}"]) for entry in history])
            for name in spec.also
        },
        "loss": pa.array([float(entry.get(f"eval_{_LOSS}", math.nan)) for entry in history]),
        "train_loss": pa.array([_loss_before(losses, int(entry["step"])) for entry in history]),
        "examples": pa.array([outcome.num_rows] * len(history)),
        "seconds": pa.array([seconds] * len(history)),
        "device": pa.array([_device_name(trainer.args.device)] * len(history)),
        "devices": pa.array([devices] * len(history)),
        "device_batch": pa.array([sharing.device_batch] * len(history)),
        "precision": pa.array(["bf16" if trainer.args.bf16 else "fp32"] * len(history)),
        "last": pa.array([index == len(history) - 1 for index in range(len(history))]),
        "failure": pa.array([failure] * len(history), pa.string()),
    }
    return Outcome(pa.table(rows), _with_shares(outcome, spec.metric), moved)


def _moved(checkpoint: Path, weight: Weight, mask: Mask) -> float:
    before = torch.tensor(read_tensor(checkpoint, weight.matrix).values())
    kept = torch.from_numpy(mask.keep(weight.matrix.name))
    difference = (weight.values.float().cpu() - before)[kept]
    return float(torch.linalg.vector_norm(difference, dtype=torch.float64))


def _with_shares(predictions: pa.Table, name: str) -> pa.Table:
    """Return the predictions with `score`: what each example scores, if the metric is a mean."""
    metric = METRICS[name]
    shares = (
        metric.parts(predictions)[:, 0] / 100 if metric.is_mean else [None] * predictions.num_rows
    )
    return predictions.append_column("score", pa.array(shares, pa.float64()))


def _lengths(table: pa.Table, recipe: RecipeSpec) -> list[int] | None:
    """Return the examples' numbers of tokens if the recipe groups by them, else None.

    Raises:
        UserError: it does, and the examples have no tokens.
    """
    if not recipe.group_by_length:
        return None
    if "input_ids" not in table.column_names:
        raise UserError("recipe: group_by_length: true: only texts have a length")
    lengths: list[int] = pc.list_value_length(table.column("input_ids")).to_pylist()
    return lengths


def _check_inputs(checkpoint: Path, manifest: Manifest, mask: Mask) -> None:
    if mask.header.checkpoint != manifest.sha256:
        raise UserError(
            f"{checkpoint}: the mask {mask.header.name} was made for another checkpoint "
            f"({mask.header.checkpoint[:12]}…, this one is {manifest.sha256[:12]}…)"
        )
    shapes = {matrix.name: tuple(matrix.shape) for matrix in manifest.matrices}
    if shapes != mask.header.shapes:
        odd = sorted(set(shapes.items()) ^ set(mask.header.shapes.items()))[0][0]
        raise UserError(f"{checkpoint}: {odd}: the mask's matrix differs from the checkpoint's")


def _check_metrics(task: TaskData, spec: RunSpec) -> None:
    # The catalog checks it where an entry names its labels; else the data were the first to know.
    try:
        for name in (spec.metric, *spec.also):
            METRICS[name].check_classes(task.labels)
    except ValueError as error:
        raise UserError(f"{task.folder}: {error}") from None


def _loss_before(losses: list[dict[str, Any]], step: int) -> float:
    """Return the last training loss logged up to `step`, NaN if there is none."""
    return next((float(e["loss"]) for e in reversed(losses) if e["step"] <= step), math.nan)


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
