"""What a head asks of a run: what it loads, its batches, its loss, its predictions.

A head is a subclass of `Head` in a module of its own, which has the name of the kind of examples.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from essential_sparsity.architectures import find_architecture
from essential_sparsity.runs.procedures.fine_tuning.spec import RecipeSpec
from essential_sparsity.support.errors import UserError
from essential_sparsity.tasks.manifest import TaskData, tokenizer_digest
from essential_sparsity.tasks.source import lowest_hashes

_FEATURES = ("input_ids", "token_type_ids")


class Head(ABC):
    """A task's examples as one run uses them.

    Attributes:
        auto_class: the transformers class that puts the right head on a checkpoint.
        preprocessor: what makes the examples ready, as errors name it.
    """

    auto_class: ClassVar[Any]
    preprocessor: ClassVar[str] = "tokenizer"

    def __init__(self, task: TaskData, checkpoint: Path, recipe: RecipeSpec) -> None:
        self.task = task
        self.checkpoint = checkpoint
        self.recipe = recipe
        if self.preprocessor_digest() != task.preprocessor_sha256:
            raise UserError(
                f"{task.folder}: made ready by another {self.preprocessor} than the one in "
                f"{checkpoint}; the model's catalog entry names one under 'preprocessor' that is "
                "not the same"
            )

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
    def options(self) -> dict[str, Any]:
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

        Labels and predictions are numbers, or lists of right texts and texts.

        Where examples belong together and are no independent evidence, as questions on one passage
        do, a column `cluster` has equal texts for them. Statistics then resample clusters whole,
        and call them what the field's metadata has under `unit`, such as "passages".

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


class Classes(Head):
    """A linear head over the classes, trained by cross-entropy."""

    def train(self) -> pa.Table:
        """Return the training rows, their labels checked."""
        return self._checked(super().train())

    def evaluation(self) -> pa.Table:
        """Return the rows to score on, their labels checked."""
        return self._checked(super().evaluation())

    def _checked(self, table: pa.Table) -> pa.Table:
        labels = self.task.labels
        for label in sorted(set(table.column("label").to_pylist())):
            if not 0 <= label < len(labels):
                raise UserError(
                    f"{self.task.folder}: label {label}: the head has {len(labels)} classes "
                    f"(0 to {len(labels) - 1}: {', '.join(labels)})"
                )
        return table

    def options(self) -> dict[str, Any]:
        """Return the classes."""
        labels = self.task.labels
        return {
            "num_labels": len(labels),
            "id2label": dict(enumerate(labels)),
            "label2id": {label: index for index, label in enumerate(labels)},
        }

    def loss(self, outputs: Any, labels: torch.Tensor) -> torch.Tensor:
        """Return the cross-entropy, in fp32."""
        logits = outputs.logits.float()
        return torch.nn.functional.cross_entropy(logits, labels, reduction="sum")

    def predictions(self, logits: Any, table: pa.Table) -> pa.Table:
        """Return `id`, `label`, `prediction`, the class of the largest logit, and `logits`."""
        found = with_prediction(table, pa.array(logits.argmax(axis=1).astype(np.int64)))
        rows = pa.array(list(logits.astype(np.float32)), type=pa.list_(pa.float32()))
        return found.append_column("logits", rows)

    def constants(self, table: pa.Table) -> Iterator[pa.Table]:
        """Yield the most frequent class for all; of two classes, the positive one too, for F1."""
        classes = len(self.task.labels)
        counts = np.bincount(table.column("label").to_numpy(), minlength=classes)
        for chosen in {int(counts.argmax()), *([1] if classes == 2 else [])}:
            logits = np.tile(np.eye(classes)[chosen], (table.num_rows, 1))
            yield self.predictions(logits, table)


class Texts(Head):
    """One text or two, with one label."""

    auto_class: ClassVar[Any] = AutoModelForSequenceClassification

    def __init__(self, task: TaskData, checkpoint: Path, recipe: RecipeSpec) -> None:
        super().__init__(task, checkpoint, recipe)
        self.pad_token_id = int(task.document["pad_token_id"])

    def preprocessor_digest(self) -> str:
        """Return the tokenizer's."""
        return tokenizer_digest(self.checkpoint)

    def evaluation(self) -> pa.Table:
        """Return the rows to score on, the shortest first."""
        return sort_by_length(super().evaluation())

    def configure(self, model: PreTrainedModel) -> None:
        """Name the padding: heads that read the last token find it by that.

        The model must embed it, and have a position for each token that a text may have.
        """
        config, max_length = model.config, int(self.task.document["preprocessing"]["max_length"])
        if self.pad_token_id >= config.vocab_size:
            raise UserError(
                f"{self.checkpoint}: its tokenizer pads with token {self.pad_token_id}, its model "
                f"knows {config.vocab_size} (0 to {config.vocab_size - 1})"
            )
        architecture = find_architecture(config.model_type, str(self.checkpoint))
        positions = architecture.positions(config.to_dict())
        if positions is not None and max_length > positions:
            raise UserError(
                f"max_length: {max_length} is more than the {positions} positions of the model in "
                f"{self.checkpoint}"
            )
        config.pad_token_id = self.pad_token_id

    def dataset(self, table: pa.Table, split: str) -> Dataset[dict[str, Any]]:
        """Return the rows as lists of tokens."""
        names = [name for name in _FEATURES if name in table.column_names]
        return Rows(table, labels="label", **{name: name for name in names})

    def collate(self, examples: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Pad every list on the right to the longest of the batch.

        Returns int64 tensors (batch, length), `attention_mask`, and `labels` (batch, ...).
        """
        features = {
            name: [torch.tensor(example[name]) for example in examples]
            for name in _FEATURES
            if name in examples[0]
        }
        features["attention_mask"] = [torch.ones_like(ids) for ids in features["input_ids"]]
        padding = {"input_ids": self.pad_token_id}
        batch = {
            name: pad_sequence(rows, batch_first=True, padding_value=padding.get(name, 0))
            for name, rows in features.items()
        }
        return {**batch, "labels": torch.tensor([example["labels"] for example in examples])}


def with_prediction(table: pa.Table, prediction: pa.Array) -> pa.Table:
    """Return the columns `id`, `label` and `prediction`."""
    names = ["id", "label"]
    known = [table.column(name).combine_chunks() for name in names]
    return pa.table([*known, prediction], [*names, "prediction"])


def take_sample(table: pa.Table, count: int | None, unit: str = "id") -> pa.Table:
    """Return the rows of `count` units (all if None), the same on every machine, for every seed.

    `unit` is the column that names what is counted; rows of one unit stay together.
    """
    if count is None:
        return table
    names = table.column(unit).to_pylist()
    units = list(dict.fromkeys(names))
    if count >= len(units):
        return table
    chosen = {units[position] for position in lowest_hashes(units, count)}
    return table.take([row for row, name in enumerate(names) if name in chosen])


def sort_by_length(table: pa.Table) -> pa.Table:
    """Return the rows by ascending number of tokens, so that evaluation pads little."""
    lengths = [len(tokens) for tokens in table.column("input_ids").to_pylist()]
    return table.take(np.argsort(lengths, kind="stable"))


class Rows(Dataset[dict[str, Any]]):
    """The rows of a table as dictionaries of plain values, each under a name of its own."""

    def __init__(self, table: pa.Table, **columns: str) -> None:
        self._columns = {name: table.column(own).to_pylist() for name, own in columns.items()}

    def __len__(self) -> int:
        return len(self._columns["labels"])

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {name: values[index] for name, values in self._columns.items()}
