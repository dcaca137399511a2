"""A study with every name of it looked up: made once from a study file and the catalog, then data.

What there is to make follows from it, by the functions of `jobs`; how it is made is in `stages`.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from essential_sparsity.architectures import find_architecture
from essential_sparsity.claims.claim import ClaimEntry
from essential_sparsity.figures.kind import FigureKind
from essential_sparsity.figures.kinds import EXPERIMENT_KINDS
from essential_sparsity.masks.grid import Grid
from essential_sparsity.masks.spec import DENSE, MaskSpec
from essential_sparsity.masks.trained import Trained
from essential_sparsity.outcomes.spec import StatisticsSpec
from essential_sparsity.runs.procedures import DEFAULT
from essential_sparsity.runs.procedures.fine_tuning.spec import RecipeSpec
from essential_sparsity.study.catalog import Catalog, ModelEntry, TaskEntry
from essential_sparsity.study.document import Experiment, Study
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.validation import unknown

_T = TypeVar("_T")


@dataclass(frozen=True, eq=False)
class ResolvedExperiment:
    """An experiment, and what its words stand for.

    Attributes:
        settings: the experiment as the study file has it.
        kind: the kind of its figure.
        masks: its masks in order, each once, with a recipe's identity where the study has its name;
            of a search, all that it may try. Runs' own masks are not bound to a run yet.
        beginning: family → the masks with which its search begins; empty without a search.
        recipes: task → identity of the recipe of its runs.
        statistics: how its curves are judged.
    """

    settings: Experiment
    kind: FigureKind
    masks: tuple[MaskSpec, ...]
    beginning: Mapping[str, tuple[str, ...]]
    recipes: Mapping[str, str]
    statistics: StatisticsSpec

    @property
    def name(self) -> str:
        """The experiment's name."""
        return self.settings.name


@dataclass(frozen=True, eq=False)
class Resolved:
    """A study. Two are equal only if they are the same one, so that functions of it can be cached.

    Attributes:
        study: the study as its file has it.
        files: that file, or several, as errors name them; none where the command line has it all.
        results: the folder of the results, which need not exist.
        root: the repository's root as seen from there. Paths of local models and data go through
            it, so that a project that moves as a whole is still the same.
        experiments: by name, in order.
        models: the study's models, controls too, and those whose files or preprocessor they need.
        tasks: the study's tasks.
        recipes: (task, identity in paths) → recipe.
        recipe_names: identity in paths → name in the catalog.
        preprocessors: name in paths → whose tokenizer or image processor, and at what sizes.
        masks: name in paths → mask: of every run, and of every step of a training that finds one.
        claims: the catalog's claims.
    """

    study: Study
    files: tuple[str, ...]
    results: Path
    root: Path
    experiments: Mapping[str, ResolvedExperiment]
    models: Mapping[str, ModelEntry]
    tasks: Mapping[str, TaskEntry]
    recipes: Mapping[tuple[str, str], RecipeSpec]
    recipe_names: Mapping[str, str]
    preprocessors: Mapping[str, tuple[str, RecipeSpec]]
    masks: Mapping[str, MaskSpec]
    claims: Mapping[str, ClaimEntry]

    @property
    def where(self) -> str:
        """Where the study stands, for errors."""
        return place_of(self.files)

    def find(self, known: Mapping[str, _T], name: str, what: str) -> _T:
        """Return what `name` stands for among `known`.

        Raises:
            UserError: the study has no such thing: a target was asked for that is none of its.
        """
        if name not in known:
            raise UserError(unknown(self.where, "target", name, known, what))
        return known[name]


def resolve(study: Study, root: Path, files: tuple[str, ...], results: Path) -> Resolved:
    """Look up every name of a study.

    Args:
        study: the validated study.
        root: the repository's root, to which catalog folders are relative.
        files: the study's files, for errors.
        results: the folder of the results, which need not exist.

    Raises:
        UserError: a model, task or recipe is unknown, a control has no model here, two masks have
            one name, a mask is made from one that is not there, or a claim is not valid.
    """
    where = place_of(files)
    catalog = Catalog(root / "catalog", *(root / folder for folder in study.catalogs))
    found = _Names(where, catalog)
    experiments = {
        experiment.name: found.resolve(experiment, f"experiments[{index}]", study.statistics)
        for index, experiment in enumerate(study.experiments)
    }
    _check_references(experiments, found.masks, where)
    return Resolved(
        study=study,
        files=files,
        results=results,
        root=Path(os.path.relpath(root, results)),
        experiments=experiments,
        models=found.models,
        tasks=found.tasks,
        recipes=found.recipes,
        recipe_names=found.recipe_names,
        preprocessors=found.preprocessors,
        masks=found.masks,
        claims=catalog.claims(),
    )


def preprocessor_name(
    models: Mapping[str, ModelEntry], model: str, task: TaskEntry, recipe: RecipeSpec
) -> str:
    """Return what a model's task data are called: whose preprocessor made them, and the sizes."""
    sizes = task.data_spec(recipe).preprocessing.values()
    return "-".join([_prepares(models, model), *(str(size or "own") for size in sizes)])


def place_of(files: tuple[str, ...]) -> str:
    """Return where a study stands that is read from these files."""
    return " + ".join(files) or "--config"


def recipe_id(name: str, recipe: RecipeSpec) -> str:
    """Return a recipe's identity in paths: its name, and a digest of what it says."""
    return f"{name}-{recipe.digest()}"


def unique(items: Iterable[_T]) -> list[_T]:
    """Return each item once, where it comes first."""
    return list(dict.fromkeys(items))


def _prepares(models: Mapping[str, ModelEntry], model: str) -> str:
    """Return the model whose tokenizer or image processor is used for `model`."""
    entry = models[model]
    return entry.preprocessor or entry.base or model


@dataclass
class _Names:
    """What the names of a study's experiments stand for, as far as they have been looked up."""

    where: str
    catalog: Catalog
    models: dict[str, ModelEntry] = field(default_factory=dict)
    tasks: dict[str, TaskEntry] = field(default_factory=dict)
    recipes: dict[tuple[str, str], RecipeSpec] = field(default_factory=dict)
    recipe_names: dict[str, str] = field(default_factory=dict)
    preprocessors: dict[str, tuple[str, RecipeSpec]] = field(default_factory=dict)
    masks: dict[str, MaskSpec] = field(default_factory=lambda: {DENSE.name: DENSE})

    def resolve(
        self, experiment: Experiment, key: str, statistics: StatisticsSpec
    ) -> ResolvedExperiment:
        for part in ("models", "controls"):
            for position, name in enumerate(getattr(experiment, part)):
                self._model(name, f"{self.where}: {key}.{part}[{position}]")
        for position, name in enumerate(experiment.controls):
            if self.models[name].base not in experiment.models:
                raise UserError(
                    f"{self.where}: {key}.controls[{position}]: '{name}' is no random start of "
                    f"one of this experiment's models ({', '.join(experiment.models)})"
                )
        recipes = {}
        for position, name in enumerate(experiment.tasks):
            self.tasks[name] = self.catalog.task(name, f"{self.where}: {key}.tasks[{position}]")
            recipes[name] = self._recipe(experiment, name, experiment.recipe, key)
        masks: list[MaskSpec] = []
        for position, grid in enumerate(experiment.grids):
            masks += self._grid(experiment, grid, recipes, f"{key}.masks[{position}]")
        beginning: dict[str, tuple[str, ...]] = {}
        for mask in (mask for grid in experiment.beginnings for mask in grid.expanded):
            beginning[mask.family] = (*beginning.get(mask.family, ()), mask.name)
        return ResolvedExperiment(
            settings=experiment,
            kind=EXPERIMENT_KINDS[experiment.figure],
            masks=tuple(unique(masks)),
            beginning=beginning,
            recipes=recipes,
            statistics=_statistics_of(experiment, statistics),
        )

    def _model(self, name: str, where: str, seen: tuple[str, ...] = ()) -> None:
        if name in seen:
            raise UserError(f"{where}: '{name}' is built on itself")
        self.models[name] = entry = self.catalog.model(name, where)
        if entry.architecture is not None:
            find_architecture(entry.architecture, f"{where}: '{name}'")
        for other in (entry.base, entry.preprocessor):
            if other is not None:
                self._model(other, where, (*seen, name))

    def _recipe(self, experiment: Experiment, task: str, recipe: str | None, key: str) -> str:
        """Note a recipe of a task as this experiment uses it; return its identity in paths."""
        entry = self.tasks[task]
        if recipe not in entry.recipes:
            what = f"recipe of task '{task}':"
            raise UserError(unknown(self.where, f"{key}.recipe", recipe, entry.recipes, what))
        try:
            changed = experiment.override(entry.recipes[recipe])
            entry.check_recipe(changed)
        except ValueError as error:
            raise UserError(f"{self.where}: {key}.overrides: task '{task}': {error}") from None
        identity = recipe_id(recipe, changed)
        self.recipes[task, identity] = changed
        self.recipe_names[identity] = recipe
        for model in (*experiment.models, *experiment.controls):
            name = preprocessor_name(self.models, model, entry, changed)
            self.preprocessors[name] = _prepares(self.models, model), changed
        return identity

    def _grid(
        self, experiment: Experiment, grid: Grid, recipes: Mapping[str, str], key: str
    ) -> list[MaskSpec]:
        """Return a grid's masks; note them, and those of every run where they are the runs' own."""
        masks = []
        for mask in grid.expanded:
            if task := getattr(mask, "task", None):
                self.tasks[task] = self.catalog.task(task, f"{self.where}: {key}.tasks")
                recipe = getattr(mask, "recipe", None) or experiment.recipe
                identity = self._recipe(experiment, task, recipe, key)
                mask = mask.model_copy(update={"recipe": identity})
            masks.append(mask)
            if EXPERIMENT_KINDS[experiment.figure].reads == "runs":
                for task, recipe in recipes.items():
                    for seed in experiment.seeds_on(task):
                        self._mask(mask.bind(task, recipe, seed), key)
            elif mask.is_bound:
                self._mask(mask, key)
            else:
                raise UserError(
                    f"{self.where}: {key}: which masks of criterion '{mask.criterion}'? a figure "
                    "of masks has no runs that would say so: state tasks, recipe and seeds"
                )
        return masks

    def _mask(self, mask: MaskSpec, key: str) -> None:
        """Note a mask, and those that its training begins with."""
        if self.masks.setdefault(mask.name, mask) != mask:
            raise UserError(
                f"{self.where}: {key}: two masks of this study are called '{mask.name}' and "
                "differ; rename the file that one is made from"
            )
        if isinstance(mask, Trained):
            procedure = self.recipes[str(mask.task), str(mask.recipe)].procedure
            if procedure != DEFAULT:
                raise UserError(
                    f"{self.where}: {key}: criterion '{mask.criterion}' finds masks by {DEFAULT}, "
                    f"the recipe of task '{mask.task}' is one of procedure '{procedure}'"
                )
            self._mask(mask.previous(), key)


def _check_references(
    experiments: Mapping[str, ResolvedExperiment], known: Mapping[str, MaskSpec], where: str
) -> None:
    """Check that every mask which another one is made from is one of the study's."""
    for index, experiment in enumerate(experiments.values()):
        for position, grid in enumerate(experiment.settings.grids):
            # What training finds brings along the masks that it begins with.
            plain = [mask for mask in grid.expanded if not isinstance(mask, Trained)]
            for name in (name for mask in plain for name in mask.references()):
                if name not in known:
                    key = f"experiments[{index}].masks[{position}].like"
                    raise UserError(unknown(where, key, name, known, "mask of this study"))


def _statistics_of(experiment: Experiment, settings: StatisticsSpec) -> StatisticsSpec:
    """Return the study's statistics, about the ε that an experiment searches for.

    The study's own ε comes second then: its claims are about that one, whatever is searched.
    """
    searched = experiment.search and experiment.search.epsilon
    if not searched or searched == settings.epsilon:
        return settings
    others = (settings.epsilon, *settings.epsilons)
    return settings.model_copy(update={"epsilon": searched, "epsilons": others})
