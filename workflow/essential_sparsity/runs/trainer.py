"""A Trainer whose steps are the recipe's on any devices, and whose predictions are in order."""

from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset, Sampler, SequentialSampler
from transformers import Trainer, TrainingArguments

from essential_sparsity.runs.batches import Batches, Loader, Sharing
from essential_sparsity.runs.held_mask import HeldMask
from essential_sparsity.runs.precision import takes_bf16
from essential_sparsity.runs.spec import RecipeSpec

_EVALUATION_BATCH = 64


class StepTrainer(Trainer):
    """A Trainer on batches that are shared out by optimiser steps, with a mask held."""

    def __init__(self, batches: Batches, held: HeldMask, **options: Any) -> None:
        """Take this device's training batches, the model's mask, and Trainer's own options."""
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


def training_arguments(
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
        bf16=takes_bf16(recipe),
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
