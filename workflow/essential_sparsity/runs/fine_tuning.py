"""Sparse fine-tuning: train `m ⊙ θ` on a task with the mask held (paper, §3.1 and Table 1)."""

import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from torch.utils.data import Dataset, Sampler, SequentialSampler
from transformers import EvalPrediction, PrinterCallback, Trainer, TrainingArguments
from transformers.utils import logging

from essential_sparsity.checkpoints.manifest import Manifest
from essential_sparsity.errors import UserError
from essential_sparsity.masks.mask import Mask
from essential_sparsity.metrics import METRICS
from essential_sparsity.runs.callbacks import MaskCheck, Progress
from essential_sparsity.runs.held_mask import HeldMask
from essential_sparsity.runs.kind import Kind, open_kind
from essential_sparsity.runs.model import load_model, match_parameters
from essential_sparsity.runs.resume import MarkWhole, RestartPoint
from essential_sparsity.runs.spec import RecipeSpec, RunSpec
from essential_sparsity.tasks.manifest import TaskData

_EVALUATION_BATCH = 64


@dataclass(frozen=True)
class Outcome:
    """What a run leaves: one row an evaluation, one row an example of the last evaluation."""

    metrics: pa.Table
    predictions: pa.Table


def fine_tune(
    checkpoint: Path,
    manifest: Manifest,
    task: TaskData,
    mask: Mask,
    spec: RunSpec,
    restart: RestartPoint,
    title: str,
) -> Outcome:
    """Fine-tune the masked checkpoint on the task and evaluate it after every epoch.

    Everything that is not prunable trains dense: head, biases, LayerNorm, embeddings. The seed
    fixes the head, the data order and the dropout stream, whatever the mask. A restart point that
    holds an epoch checkpoint of this run is continued, with the same numbers as without the break.

    Raises:
        UserError: mask and checkpoint do not belong together, see `Kind`, or training diverges.
    """
    _check_inputs(checkpoint, manifest, mask)
    recipe = spec.recipe
    kind = open_kind(task, checkpoint, recipe)
    train, evaluation = kind.train(), kind.evaluation()

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    # Trainer says at every start that the CPU has no pinned memory.
    warnings.filterwarnings("ignore", message=".*pin_memory.*")
    model = load_model(checkpoint, manifest, kind, spec.seed)
    held = HeldMask(mask, match_parameters(model, manifest))
    predictions: list[pa.Table] = []
    steps_per_epoch = math.ceil(train.num_rows / recipe.batch_size)

    def score(prediction: EvalPrediction) -> dict[str, float]:
        predictions[:] = [kind.predictions(prediction.predictions, evaluation)]
        return {name: METRICS[name].score(predictions[0]) for name in (spec.metric, *spec.also)}

    trainer = _InOrder(
        model=model,
        args=_arguments(recipe, spec.seed, restart.folder, min(10, steps_per_epoch)),
        train_dataset=kind.dataset(train, "train"),
        eval_dataset=kind.dataset(evaluation, "evaluation"),
        data_collator=kind.collate,
        compute_loss_func=_mean_loss(kind),
        compute_metrics=score,
        callbacks=[
            MaskCheck(held, steps_per_epoch),
            Progress(title),
            MarkWhole(),
        ],
    )
    trainer.remove_callback(PrinterCallback)  # `Progress` speaks instead
    started = time.monotonic()
    resumed = restart.latest()
    trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    seconds = time.monotonic() - started
    held.check_weights()

    history = [entry for entry in trainer.state.log_history if "eval_loss" in entry]
    losses = [entry for entry in trainer.state.log_history if "loss" in entry]
    outcome = predictions[0]
    rows = {
        "epoch": pa.array([float(entry["epoch"]) for entry in history]),
        "step": pa.array([int(entry["step"]) for entry in history]),
        "metric": pa.array([spec.metric] * len(history)),
        "score": pa.array([float(entry[f"eval_{spec.metric}"]) for entry in history]),
        **{
            name: pa.array([float(entry[f"eval_{name}"]) for entry in history])
            for name in spec.also
        },
        "loss": pa.array([float(entry["eval_loss"]) for entry in history]),
        "train_loss": pa.array([_loss_before(losses, int(entry["step"])) for entry in history]),
        "examples": pa.array([outcome.num_rows] * len(history)),
        "seconds": pa.array([seconds] * len(history)),
        "device": pa.array([_device_name(trainer.args.device)] * len(history)),
        "precision": pa.array(["bf16" if trainer.args.bf16 else "fp32"] * len(history)),
        "last": pa.array([index == len(history) - 1 for index in range(len(history))]),
    }
    return Outcome(pa.table(rows), _with_shares(outcome, spec.metric))


class _InOrder(Trainer):
    """A Trainer that evaluates in the order of the rows, so that predictions are theirs."""

    # Trainer's own groups evaluation by length, in random order, where training is grouped.
    def _get_eval_sampler(self, eval_dataset: Dataset[Any]) -> Sampler[int]:
        return SequentialSampler(eval_dataset)  # type: ignore[arg-type]


def _with_shares(predictions: pa.Table, name: str) -> pa.Table:
    """Return the predictions with `score`: what each example scores, if the metric is a mean."""
    metric = METRICS[name]
    shares = (
        metric.parts(predictions)[:, 0] / 100 if metric.is_mean else [None] * predictions.num_rows
    )
    return predictions.append_column("score", pa.array(shares, pa.float64()))


def _mean_loss(kind: Kind) -> Callable[..., torch.Tensor]:
    """Return the loss as Trainer wants it: the mean over all labels of an optimiser step."""

    def loss(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
        count = labels.ne(-100).sum() if num_items_in_batch is None else num_items_in_batch
        return kind.loss(outputs, labels) / count

    return loss


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


def _arguments(
    recipe: RecipeSpec, seed: int, folder: Path, logging_steps: int
) -> TrainingArguments:
    gpu = torch.cuda.is_available()
    bf16 = recipe.precision == "bf16" or (
        recipe.precision == "auto" and gpu and torch.cuda.is_bf16_supported()
    )
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.batch_size,
        per_device_eval_batch_size=_EVALUATION_BATCH,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=0,
        optim="adamw_torch_fused",
        adam_epsilon=recipe.adam_epsilon,
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.max_gradient_norm,
        bf16=bf16,
        train_sampling_strategy="group_by_length" if recipe.group_by_length else "random",
        use_cpu=not gpu,
        seed=seed,
        eval_strategy="epoch",
        save_strategy="epoch" if recipe.epochs > 1 else "no",
        save_total_limit=1,
        logging_steps=logging_steps,
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=gpu,
    )


def _loss_before(losses: list[dict[str, Any]], step: int) -> float:
    """Return the last training loss logged up to `step`, NaN if there is none."""
    return next((float(e["loss"]) for e in reversed(losses) if e["step"] <= step), math.nan)


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
