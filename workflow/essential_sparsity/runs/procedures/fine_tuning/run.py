"""Sparse fine-tuning: train `m ⊙ θ` on a task with the mask held (paper, §3.1 and Table 1)."""

import math
import sys
import time
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import torch
from transformers import EvalPrediction, PrinterCallback, TrainingArguments
from transformers.utils import logging

from essential_sparsity.checkpoints.tensors import read_tensor
from essential_sparsity.masks.mask import Mask
from essential_sparsity.runs.heads import open_head
from essential_sparsity.runs.job import Diverged, Job, Outcome
from essential_sparsity.runs.model import (
    HeldMask,
    Weight,
    load_model,
    match_parameters,
    with_unused,
)
from essential_sparsity.runs.procedures.fine_tuning.spec import RecipeSpec
from essential_sparsity.runs.training.batches import DROPOUT, Batches, Sharing, stream_seed
from essential_sparsity.runs.training.companion import Companion, Rewound
from essential_sparsity.runs.training.devices import fit_memory, launch, place
from essential_sparsity.runs.training.trainer import (
    MarkWhole,
    MaskCheck,
    MeanLoss,
    Progress,
    StepTrainer,
    takes_bf16,
)
from essential_sparsity.support.errors import UserError

# Trainer's own loss of an evaluation is a mean of its batches'.
_LOSS = "loss_of_all"

_EVALUATION_BATCH = 64


def run(job: Job, companion: Companion | None = None) -> Outcome:
    """Fine-tune on the job's devices, in batches that fit their memory; see `fine_tune`."""

    def train(limit: int) -> Outcome:
        accompanied = replace(job, limit=limit), companion or Rewound(*job.start)
        return launch(job.devices, fine_tune, *accompanied)

    return fit_memory(train, job.spec.recipe.batch_size, job.devices, job.limit, job.title)


def fine_tune(job: Job, companion: Companion | None = None) -> Outcome:
    """Fine-tune the masked checkpoint on the task and evaluate it after every epoch.

    Everything that is not prunable trains dense: head, biases, LayerNorm, embeddings. The seed
    fixes the head, the data order and the dropout stream, whatever the mask. A restart point that
    holds an epoch checkpoint of this run is continued, with the same numbers as without the break.

    A device takes at most `job.limit` examples at once (0: all), in parts that make up the recipe's
    batch. Where this process is one of several that were launched together, each with a device,
    they share every batch, and all return the same outcome.

    Training that diverges is an outcome as well: its only evaluation says why under `failure`, and
    its predictions are the best answer that is the same for every example (`Head.constants`), the
    least that anybody could make of such a model. A companion who wants its weights raises
    `Diverged` instead.
    """
    job.check()
    recipe, seed, scoring = job.spec.recipe, job.spec.seed, job.scoring
    head = open_head(job.task, job.checkpoint, recipe)
    train, evaluation = head.train(), head.evaluation()

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    # Trainer says at every start that the CPU has no pinned memory.
    warnings.filterwarnings("ignore", message=".*pin_memory.*")
    companion = companion or Companion()
    model = load_model(job.checkpoint, job.manifest, head, seed)
    companion.start(model)
    weights = with_unused(match_parameters(model, job.manifest), job.checkpoint, job.manifest)
    held = HeldMask(job.mask, weights)
    resumed = job.restart.latest()
    predictions: list[pa.Table] = []
    rank, devices = place()
    sharing = Sharing.fit(recipe.batch_size, devices, job.limit)
    batches = Batches(train.num_rows, sharing, rank, seed, _lengths(train, recipe))
    loss = MeanLoss(head)

    def evaluate(evaluated: EvalPrediction) -> dict[str, float]:
        mean = loss.over(evaluated)
        if not math.isfinite(mean):
            raise Diverged(f"evaluation loss {mean}")
        predictions[:] = [head.predictions(evaluated.predictions, evaluation)]
        return {**(scoring.scores(predictions[0]) if scoring else {}), _LOSS: mean}

    steps = math.ceil(train.num_rows / recipe.batch_size)
    trainer = StepTrainer(
        batches,
        held,
        model=model,
        args=_training_arguments(recipe, sharing, seed, job.restart.folder, steps),
        train_dataset=head.dataset(train, "train"),
        eval_dataset=head.dataset(evaluation, "evaluation"),
        data_collator=head.collate,
        compute_loss_func=loss,
        compute_metrics=evaluate,
        callbacks=[
            MaskCheck(held, steps),
            Progress(job.title),
            *companion.callbacks(held, weights, resumed),
            MarkWhole(),
        ],
    )
    trainer.remove_callback(PrinterCallback)  # `Progress` speaks instead
    torch.manual_seed(stream_seed(seed, DROPOUT, rank))
    if rank == 0 and devices * sharing.parts > 1:
        print(f"{job.title}: {sharing}", file=sys.stderr, flush=True)
    started = time.monotonic()
    failure, moved = None, {}
    try:
        trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    except Diverged as error:
        if companion.wants_weights:
            raise Diverged(error.finding, job.title) from None
        failure = error.finding
    seconds = time.monotonic() - started
    if failure is None:
        held.check_weights()
        companion.end(model, weights)
        moved = {w.matrix.name: _moved(job.checkpoint, w, job.mask) for w in weights}
        history = [entry for entry in trainer.state.log_history if "eval_loss" in entry]
        outcome = predictions[0]
    else:
        constants = head.constants(evaluation)
        outcome = scoring.best(constants) if scoring else next(iter(constants))
        found = scoring.scores(outcome) if scoring else {}
        reached = {"epoch": trainer.state.epoch or 0, "step": trainer.state.global_step}
        history = [{**reached, **{f"eval_{name}": score for name, score in found.items()}}]
    losses = [entry for entry in trainer.state.log_history if "loss" in entry]
    device = trainer.args.device
    rows = [
        {
            "epoch": float(entry["epoch"]),
            "step": int(entry["step"]),
            **(_scores(scoring.versions, entry) if scoring else {}),
            "loss": float(entry.get(f"eval_{_LOSS}", math.nan)),
            "train_loss": _loss_before(losses, int(entry["step"])),
            "examples": outcome.num_rows,
            "seconds": seconds,
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
            "devices": devices,
            "device_batch": sharing.device_batch,
            "precision": "bf16" if trainer.args.bf16 else "fp32",
            "last": entry is history[-1],
        }
        for entry in history
    ]
    failures = pa.array([failure] * len(rows), pa.string())
    metrics = pa.Table.from_pylist(rows).append_column("failure", failures)
    return Outcome(metrics, scoring.with_shares(outcome) if scoring else outcome, moved)


def _training_arguments(
    recipe: RecipeSpec, sharing: Sharing, seed: int, folder: Path, steps_per_epoch: int
) -> TrainingArguments:
    """Return Trainer's arguments for a recipe; `folder` is where epoch checkpoints go."""
    gpu = torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=sharing.device_batch,
        gradient_accumulation_steps=sharing.parts,
        per_device_eval_batch_size=_EVALUATION_BATCH,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=0,
        optim="adamw_torch_fused",
        adam_epsilon=recipe.adam_epsilon,
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.max_gradient_norm,
        bf16=takes_bf16(recipe.precision),
        use_cpu=not gpu,
        seed=seed,
        label_names=["labels"],
        eval_strategy="epoch",
        save_strategy="epoch" if recipe.epochs > 1 else "no",
        save_total_limit=1,
        logging_steps=min(10, steps_per_epoch),
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=gpu,
    )


def _scores(versions: Mapping[str, int], entry: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of the scores: the run's own metric, by name and version, and others."""
    own, *others = versions
    scores = {name: float(entry[f"eval_{name}"]) for name in versions}
    return {
        "metric": own,
        "metric_version": versions[own],
        "score": scores[own],
        **{name: scores[name] for name in others},
    }


def _moved(checkpoint: Path, weight: Weight, mask: Mask) -> float:
    before = torch.tensor(read_tensor(checkpoint, weight.matrix).values())
    kept = torch.from_numpy(mask.keep(weight.matrix.name))
    difference = (weight.values.float().cpu() - before)[kept]
    return float(torch.linalg.vector_norm(difference, dtype=torch.float64))


def _lengths(table: pa.Table, recipe: RecipeSpec) -> list[int] | None:
    """Return the examples' numbers of tokens if the recipe groups by them, else None."""
    if not recipe.group_by_length:
        return None
    if "input_ids" not in table.column_names:
        raise UserError("recipe: group_by_length: true: only texts have a length")
    lengths: list[int] = pc.list_value_length(table.column("input_ids")).to_pylist()
    return lengths


def _loss_before(losses: list[dict[str, Any]], step: int) -> float:
    """Return the last training loss logged up to `step`, NaN if there is none."""
    return next((float(e["loss"]) for e in reversed(losses) if e["step"] <= step), math.nan)
