"""What a kind of examples asks of a run: a head, batches, a loss, predictions."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset
from transformers import PreTrainedModel

from essential_sparsity.runs.kinds import module_of
from essential_sparsity.runs.spec import RecipeSpec
from essential_sparsity.support.errors import UserError
from essential_sparsity.tasks.manifest import TaskData
from essential_sparsity.tasks.source import lowest_hashes


class Kind(ABC):
    """A task's examples as one run uses them.

    Attributes:
        auto_class: the transformers class that puts the right head on a checkpoint.
    """

    auto_class: ClassVar[Any]

    def __init__(self, task: TaskData, checkpoint: Path, recipe: RecipeSpec) -> None:
        """Take the task's data, the checkpoint's folder, and how to fine-tune.

        Raises:
            UserError: the data were made ready by another tokenizer or image processor than the
                checkpoint's.
        """
        self.task = task
        self.checkpoint = checkpoint
        self.recipe = recipe
        if self.preprocessor_digest() != task.preprocessor_sha256:
            raise UserError(
                f"{task.folder}: made ready by another {self.preprocessor} than the one in "
                f"{checkpoint}; the model's catalog entry names one under 'preprocessor' that is "
                "not the same"
            )

    # What makes the examples ready, as errors name it.
    preprocessor: ClassVar[str] = "tokenizer"

    @abstractmethod
    def preprocessor_digest(self) -> str:
        """Return the digest of the checkpoint's tokenizer or image processor."""

    def train(self) -> pa.Table:
        """Return the training rows, as many as the recipe takes."""
        return take_sample(self.task.table("train"), self.recipe.train_examples)

    def evaluation(self) -> pa.Table:
        """Return the rows to score on, as many as the recipe takes."""
        return take_sample(self.task.table("evaluation"), self.recipe.evaluation_examples)

    @abstractmethod
    def head(self) -> dict[str, Any]:
        """Return the options of `auto_class.from_pretrained` that give the head its shape."""

    def configure(self, model: PreTrainedModel) -> None:  # noqa: B027 - most have nothing to change
        """Change what the loaded model has to know of the task; nothing, if not overridden."""

    @abstractmethod
    def dataset(self, table: pa.Table, split: str) -> Dataset[dict[str, Any]]:
        """Return the rows as what `collate` takes a list of."""

    @abstractmethod
    def collate(self, examples: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Return a batch: the model's inputs, and `labels`."""

    @abstractmethod
    def loss(self, outputs: Any, labels: torch.Tensor) -> torch.Tensor:
        """Return the sum of the loss over the batch's labels (those that are -100 count nothing).

        A sum, so that a batch in several parts has the mean of the whole.
        """

    @abstractmethod
    def predictions(self, logits: Any, table: pa.Table) -> pa.Table:
        """Return one row an example: `id`, `label`, `prediction`, and what the metrics read.

        Args:
            logits: the model's outputs for the rows of `table`, in their order: an array, or a
                tuple of arrays.
            table: as `evaluation` returned it.
        """

    @abstractmethod
    def constants(self, table: pa.Table) -> Iterable[pa.Table]:
        """Return predictions that are the same for every example; for any metric, the best too.

        They are what `predictions` returns.
        """


def open_kind(task: TaskData, checkpoint: Path, recipe: RecipeSpec) -> Kind:
    """Return the task's kind of examples, ready for a run.

    Raises:
        UserError: see `Kind`.
    """
    module = import_module(module_of(task.kind))
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Kind)
        and value.__module__ == module.__name__
    ]
    kind: Kind = found[0](task, checkpoint, recipe)
    return kind


def take_sample(table: pa.Table, count: int | None, unit: str = "id") -> pa.Table:
    """Return the rows of `count` units (all if None), the same on every machine, for every seed.

    Args:
        table: rows.
        count: how many.
        unit: the column that names what is counted; rows of one unit stay together.
    """
    if count is None:
        return table
    names = table.column(unit).to_pylist()
    units = list(dict.fromkeys(names))
    if count >= len(units):
        return table
    chosen = {units[position] for position in lowest_hashes(units, count)}
    return table.take([row for row, name in enumerate(names) if name in chosen])


def class_predictions(logits: NDArray[Any], table: pa.Table) -> pa.Table:
    """Return the predictions of a classifier: the class of the largest logit.

    `logits` has the shape (rows, classes).
    """
    return pa.table(
        {
            "id": table.column("id").combine_chunks(),
            "label": table.column("label").combine_chunks(),
            "prediction": pa.array(logits.argmax(axis=1).astype(np.int64)),
            "logits": pa.array(list(logits.astype(np.float32)), type=pa.list_(pa.float32())),
        }
    )


def check_classes(task: TaskData, *tables: pa.Table) -> None:
    """Check that every label is the number of a class.

    Raises:
        UserError: it is not.
    """
    for table in tables:
        for label in sorted(set(table.column("label").to_pylist())):
            if not 0 <= label < len(task.labels):
                raise UserError(
                    f"{task.folder}: label {label}: the head has {len(task.labels)} classes "
                    f"(0 to {len(task.labels) - 1}: {', '.join(task.labels)})"
                )


def class_head(labels: tuple[str, ...]) -> dict[str, Any]:
    """Return the options that give a classifier its classes."""
    return {
        "num_labels": len(labels),
        "id2label": dict(enumerate(labels)),
        "label2id": {label: index for index, label in enumerate(labels)},
    }


def class_loss(outputs: Any, labels: torch.Tensor) -> torch.Tensor:
    """Return the sum of the cross-entropies, in fp32."""
    return torch.nn.functional.cross_entropy(outputs.logits.float(), labels, reduction="sum")
