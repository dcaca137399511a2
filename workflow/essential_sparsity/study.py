"""The study file: experiments as data. This typed model is the one source of defaults and docs."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from essential_sparsity.errors import run_stage
from essential_sparsity.figures.kinds import FIGURE_KINDS
from essential_sparsity.masks.grid import AnyGrid, Seed
from essential_sparsity.masks.spec import DENSE
from essential_sparsity.runs.spec import RecipeSpec
from essential_sparsity.spec import Name, Spec
from essential_sparsity.statistics.spec import StatisticsSpec
from essential_sparsity.validation import explain
from essential_sparsity.yaml_files import read_yaml

if TYPE_CHECKING:
    FigureName = str
else:
    FigureName = Literal[tuple(FIGURE_KINDS)]


_REQUIRED = {name: 1 for name, field in RecipeSpec.model_fields.items() if field.is_required()}


def _check_overrides(value: dict[str, object]) -> dict[str, object]:
    try:
        RecipeSpec.model_validate({**_REQUIRED, **value})
    except ValidationError as error:
        raise ValueError(explain(error, RecipeSpec, "of the recipe")) from None
    return value


class Experiment(Spec):
    """What is run, and the figure that shows it."""

    name: Name = Field(description="names the experiment's tables and figure")
    figure: FigureName = Field(description="the kind of figure")
    models: tuple[Name, ...] = Field(min_length=1, description="models of the catalog")
    controls: tuple[Name, ...] = Field(
        default=(), description="random starts of the catalog, run dense beside their models"
    )
    tasks: tuple[Name, ...] = Field(default=(), description="tasks of the catalog")
    recipe: Name | None = Field(
        default=None, description="which of each task's recipes; figures of runs need one"
    )
    overrides: Annotated[dict[str, Any], AfterValidator(_check_overrides)] = Field(
        default={}, description="keys of a [recipe](#recipespec), changed for all of the tasks"
    )
    masks: tuple[AnyGrid, ...] = Field(
        default=(), description="which masks; all figures but those of weights need some"
    )
    seeds: tuple[Seed, ...] = Field(default=(1,), min_length=1, description="one run each")
    seeds_of: dict[Name, tuple[Seed, ...]] = Field(
        default={}, description="other seeds for some of the tasks, such as more for small ones"
    )
    options: dict[str, Any] = Field(
        default={}, description="the figure's own keys: [options](#options-of-figures)"
    )

    def override(self, recipe: RecipeSpec) -> RecipeSpec:
        """Return a task's recipe as this experiment changes it."""
        return RecipeSpec.model_validate({**recipe.document(), **self.overrides})

    def seeds_on(self, task: str) -> tuple[int, ...]:
        """Return the seeds of a task's runs."""
        return self.seeds_of.get(task, self.seeds)

    @model_validator(mode="after")
    def _has_what_its_figure_reads(self) -> "Experiment":
        lists = {key: getattr(self, key) for key in ("models", "controls", "tasks", "seeds")}
        for task, seeds in self.seeds_of.items():
            lists[f"seeds_of.{task}"] = seeds
            if task not in self.tasks:
                raise ValueError(
                    f"seeds_of: '{task}' is none of this experiment's tasks "
                    f"({', '.join(self.tasks)})"
                )
            if not seeds:
                raise ValueError(f"seeds_of.{task}: at least one seed is needed")
        for key, values in lists.items():
            if len(set(values)) < len(values):
                raise ValueError(f"{key}: a value occurs twice in {list(values)}")
        kind = FIGURE_KINDS[self.figure]
        if (kind.reads == "weights") == bool(self.masks):
            raise ValueError(
                f"figure '{self.figure}' "
                + ("reads the models' weights: no masks" if self.masks else "needs masks")
            )
        if kind.reads == "runs":
            if not self.tasks:
                raise ValueError(f"figure '{self.figure}' needs tasks: at least one")
            if self.recipe is None:
                raise ValueError(f"figure '{self.figure}' needs a recipe of its tasks")
            if all(mask == DENSE for grid in self.masks for mask in grid.masks()):
                raise ValueError(f"figure '{self.figure}' needs a sparsity above 0: at least one")
        elif self.tasks or self.controls:
            raise ValueError(
                f"figure '{self.figure}' reads {kind.reads} alone: no tasks, no controls"
            )
        try:
            kind.options.model_validate(self.options)
        except ValidationError as error:
            where = f"of figure '{self.figure}'"
            raise ValueError(f"options: {explain(error, kind.options, where)}") from None
        return self


class Study(Spec):
    """A study: a name, and experiments."""

    study: Name = Field(description="names the folder of the results")
    catalogs: tuple[str, ...] = Field(
        default=(), description="further catalog folders, relative to the repository's root"
    )
    experiments: tuple[Experiment, ...] = Field(min_length=1)
    statistics: StatisticsSpec = Field(
        default=StatisticsSpec(), description="intervals and the essential sparsity"
    )

    @model_validator(mode="after")
    def _names_are_unique(self) -> "Study":
        names = [experiment.name for experiment in self.experiments]
        if len(set(names)) < len(names):
            raise ValueError(f"experiments: a name occurs twice in {names}")
        return self


def main() -> None:
    """Check study files: also what Snakemake's own reader lets pass, such as a key given twice."""
    parser = argparse.ArgumentParser(prog="python -m essential_sparsity.study", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, help="study files")
    for file in parser.parse_args().files:
        Study.check(read_yaml(file), str(file))


if __name__ == "__main__":
    run_stage(main)
