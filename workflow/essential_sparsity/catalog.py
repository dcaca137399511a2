"""The catalog: models and tasks as data, one short YAML file an entry, found by its name."""

from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field

from essential_sparsity.checkpoints.spec import CheckpointSpec, RandomSource
from essential_sparsity.errors import UserError
from essential_sparsity.runs.spec import RecipeSpec
from essential_sparsity.spec import NAME_PATTERN, Name, Spec, is_name
from essential_sparsity.tasks.spec import Data, TaskDataSpec
from essential_sparsity.validation import unknown
from essential_sparsity.yaml_files import read_yaml


class ModelEntry(CheckpointSpec):
    """A model of the catalog: a checkpoint, and what people call it."""

    label: str = Field(description="the name in figures and tables")
    tokenizer: Name | None = Field(
        default=None, description="a model with the same tokenizer, whose tokenised tasks are used"
    )

    def checkpoint_spec(self) -> CheckpointSpec:
        """Return what the checkpoint stage depends on: the label is none of it."""
        return CheckpointSpec(version=self.version, sources=self.sources, sha256=self.sha256)

    @property
    def base(self) -> str | None:
        """The model whose architecture this random start has, None for a pre-trained model."""
        return next((s.of for s in self.sources if isinstance(s, RandomSource)), None)


class TaskEntry(Spec):
    """A task of the catalog: its data, its metric and its recipes."""

    version: int = Field(ge=1, description="raise it when the task's meaning changes")
    label: str = Field(description="the name in figures and tables")
    data: Data
    fields: tuple[str, ...] = Field(min_length=1, max_length=2, description="column(s) of text")
    label_column: str = Field(default="label", description="the column of labels")
    labels: tuple[str, ...] = Field(min_length=2, description="classes' names, in index order")
    metric: Literal["accuracy"] = "accuracy"
    recipes: dict[Name, RecipeSpec] = Field(min_length=1, description="named ways to fine-tune")

    def data_spec(self, max_length: int) -> TaskDataSpec:
        """Return what the task-data stage depends on."""
        return TaskDataSpec(
            version=self.version,
            data=self.data,
            fields=self.fields,
            label=self.label_column,
            labels=self.labels,
            max_length=max_length,
        )


_Entry = TypeVar("_Entry", ModelEntry, TaskEntry)


class Catalog:
    """Entries of one or more catalog folders, each with `models/` and `tasks/`; read on demand."""

    def __init__(self, *folders: Path) -> None:
        """Take the folders; a name may be in one of them only."""
        self._folders = folders

    def model(self, name: str, where: str) -> ModelEntry:
        """Return a model; `where` is the file and key that asks for it.

        Raises:
            UserError: there is no such model, or its file is not a valid entry.
        """
        return self._entry(ModelEntry, "model", name, where)

    def task(self, name: str, where: str) -> TaskEntry:
        """Return a task; like `model`."""
        return self._entry(TaskEntry, "task", name, where)

    def _entry(self, kind: type[_Entry], what: str, name: str, where: str) -> _Entry:
        files = self._files(what)
        if name not in files:
            file, _, key = where.partition(": ")
            raise UserError(unknown(file, key, name, files, what))
        return kind.check(read_yaml(files[name]), str(files[name]))

    def _files(self, what: str) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for folder in self._folders:
            if not folder.is_dir():
                raise UserError(f"{folder}: no such catalog folder")
            for file in sorted((folder / f"{what}s").glob("*.yaml")):
                if not is_name(file.stem):
                    raise UserError(
                        f"{file}: '{file.stem}' cannot name a {what}; names match {NAME_PATTERN}"
                    )
                if file.stem in found:
                    raise UserError(f"{file}: the {what} is already in {found[file.stem]}")
                found[file.stem] = file
        return found
