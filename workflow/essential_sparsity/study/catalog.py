"""The catalog: models, tasks and claims as data, one short YAML file each, found by its name."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import Field, model_validator

from essential_sparsity.checkpoints.spec import CheckpointSpec, RandomSource
from essential_sparsity.claims.check import Trait
from essential_sparsity.claims.claim import ClaimEntry
from essential_sparsity.metrics import METRICS
from essential_sparsity.runs.procedures.fine_tuning.spec import AnyRecipe, RecipeSpec
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.spec import NAME_PATTERN, Name, Spec, is_name
from essential_sparsity.support.validation import unknown
from essential_sparsity.support.yaml_files import read_yaml
from essential_sparsity.tasks.spec import PREPROCESSING, AnyExamples, Data, TaskDataSpec

if TYPE_CHECKING:
    MetricName = str
else:
    MetricName = Literal[tuple(METRICS)]


class ModelSize(Spec):
    """How large a model is."""

    megabytes: float = Field(gt=0, description="of the files to download")
    parameters: float = Field(gt=0)
    prunable: float = Field(gt=0, description="the prunable ones of them")
    image_size: int = Field(
        default=224, gt=0, description="models of images: height and width of their images"
    )
    patch: int = Field(default=16, gt=0, description="models of images: those of a patch")


class TaskSize(Spec):
    """How large a task is."""

    train: int = Field(gt=0, description="training examples, after holding out")
    evaluation: int = Field(gt=0, description="examples to score on")
    tokens: float | None = Field(default=None, gt=0, description="of a text, on average")
    megabytes: float | None = Field(default=None, gt=0, description="of the files to download")
    classes: int | None = Field(default=None, gt=1, description="where `examples` names none")


class ModelEntry(CheckpointSpec):
    """A model of the catalog: a checkpoint, and what people call it."""

    label: str = Field(description="the name in figures and tables")
    architecture: str | None = Field(
        default=None,
        description="`model_type` of its `config.json`: then its family's file is part of its key, "
        "and an edit of that makes its results again; a folder's own file tells it",
    )
    preprocessor: Name | None = Field(
        default=None,
        description="a model with the same tokenizer or image processor, whose task data are used",
    )
    traits: tuple[Trait, ...] = Field(
        default=(), description="what the model is, for [claims](claims.md) that extend to its like"
    )
    size: ModelSize | None = Field(default=None, description="known facts, for planning alone")

    def checkpoint_spec(self) -> CheckpointSpec:
        """Return what the checkpoint stage depends on: the label is none of it."""
        return CheckpointSpec(**{name: getattr(self, name) for name in CheckpointSpec.model_fields})

    @property
    def base(self) -> str | None:
        """The model whose architecture this random start has, None for a pre-trained model."""
        return next((s.of for s in self.sources if isinstance(s, RandomSource)), None)


class TaskEntry(Spec):
    """A task of the catalog: its data, what an example is, its metric and its recipes."""

    version: int = Field(ge=1, description="raise it when the task's meaning changes")
    label: str = Field(description="the name in figures and tables")
    data: Data
    examples: AnyExamples
    hold_out: int | float | None = Field(
        default=None,
        gt=0,
        description="training examples to set aside: their number, or their share if below 1",
    )
    score_on: Literal["evaluation", "held-out"] = Field(
        default="evaluation", description="held-out: score on the examples that are set aside"
    )
    metric: MetricName = "accuracy"
    also: tuple[MetricName, ...] = Field(
        default=(), description="further metrics, kept beside `metric` in every run's metrics"
    )
    recipes: dict[Name, AnyRecipe] = Field(min_length=1, description="named ways to fine-tune")
    size: TaskSize | None = Field(default=None, description="known facts, for planning alone")

    @model_validator(mode="after")
    def _fits_its_examples(self) -> "TaskEntry":
        for name in (self.metric, *self.also):
            metric = METRICS[name]
            if metric.reads != self.examples.reads:
                fitting = [m.name for m in METRICS.values() if m.reads == self.examples.reads]
                raise ValueError(
                    f"metric '{name}' is for {metric.reads}, examples of kind "
                    f"'{self.examples.kind}' have {self.examples.reads} ({', '.join(fitting)})"
                )
            labels = getattr(self.examples, "labels", None)
            if labels is not None:
                metric.check_classes(labels)
        for name, recipe in self.recipes.items():
            try:
                self.check_recipe(recipe)
            except ValueError as error:
                raise ValueError(f"recipes.{name}: {error}") from None
        return self

    def check_recipe(self, recipe: RecipeSpec) -> None:
        """Check that a recipe says nothing that examples of this kind have not.

        Raises:
            ValueError: it does.
        """
        own = self.examples.preprocessing
        foreign = [key for key in PREPROCESSING if key not in own]
        foreign += ["group_by_length"] if "max_length" not in own else []
        for key in foreign:
            if getattr(recipe, key) != type(recipe).model_fields[key].default:
                raise ValueError(
                    f"{key}: examples of kind '{self.examples.kind}' have no such thing (they have "
                    f"{', '.join(own)})"
                )
        if "stride" in own and recipe.stride >= recipe.max_length:
            raise ValueError(
                f"stride: {recipe.stride} is not below max_length, {recipe.max_length}"
            )

    def data_spec(self, recipe: RecipeSpec) -> TaskDataSpec:
        """Return what the task-data stage depends on."""
        return TaskDataSpec(
            version=self.version,
            data=self.data,
            examples=self.examples,
            hold_out=self.hold_out,
            score_on=self.score_on,
            **{key: getattr(recipe, key) for key in self.examples.preprocessing},
        )


_Entry = TypeVar("_Entry", ModelEntry, TaskEntry, ClaimEntry)


class Catalog:
    """Entries of one or more catalog folders: `models/`, `tasks/`, `claims/`; read on demand."""

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

    def claims(self) -> dict[str, ClaimEntry]:
        """Return all claims by their names.

        Raises:
            UserError: a file is not a valid entry, or names a model or task that is not there.
        """
        files = self._files("claim")
        found = {name: self._entry(ClaimEntry, "claim", name, "") for name in files}
        known = {what: self._files(what) for what in ("model", "task")}
        for name, claim in found.items():
            for role, spoken_of in claim.roles.items():
                for what, names in (("model", spoken_of.models), ("task", spoken_of.tasks)):
                    for position, wanted in enumerate(names):
                        if wanted not in known[what]:
                            key = f"roles.{role}.{what}s[{position}]"
                            raise UserError(
                                unknown(str(files[name]), key, wanted, known[what], what)
                            )
        return found

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
