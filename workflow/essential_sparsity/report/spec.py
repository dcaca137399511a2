"""Specs of the report and of its provenance: all that they need besides the tables."""

from typing import Any

from pydantic import Field

from essential_sparsity.drawing.spec import Labels
from essential_sparsity.support.spec import Name, Spec


class ProvenanceSpec(Spec):
    """The artifacts that belong to a study."""

    study: Name
    models: tuple[Name, ...] = Field(description="controls, and bases of random starts, too")
    task_data: tuple[str, ...] = Field(default=(), description="manifests of the tasks' data")
    measurements: tuple[str, ...] = Field(default=(), description="what figures need of a model")
    tables: tuple[str, ...] = Field(
        min_length=1, description="of each experiment one, which names its runs or masks"
    )


class RecipeRow(Spec):
    """A task's recipe as the study's runs use it."""

    task: Name
    recipe: str = Field(description="its identity in paths")
    metric: str
    settings: dict[str, Any]


class ExperimentRow(Spec):
    """An experiment in words."""

    name: Name
    figure: str = Field(description="the kind of figure")
    models: tuple[Name, ...]
    controls: tuple[Name, ...] = ()
    tasks: tuple[Name, ...] = ()
    masks: tuple[str, ...] = Field(default=(), description="a family with its sparsities each")
    searched: bool = Field(default=False, description="whether a search chose among these masks")
    seeds: tuple[int, ...] = ()
    seeds_of: dict[Name, tuple[int, ...]] = Field(default={})


class ReportSpec(Labels):
    """A study in words: labels, recipes, experiments, and the study file itself."""

    study: Name
    files: tuple[str, ...] = Field(default=(), description="the study's files, as a command line")
    outside: tuple[str, ...] = Field(
        default=(), description="those outside the clone, named without their folder"
    )
    models: dict[Name, str] = Field(description="catalog name → label")
    tasks: dict[Name, str] = Field(default={}, description="catalog name → label")
    recipes: tuple[RecipeRow, ...] = ()
    experiments: tuple[ExperimentRow, ...] = Field(min_length=1)
    configuration: str = Field(default="", description="the study as YAML, defaults left out")
