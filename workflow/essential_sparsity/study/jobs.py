"""What there is to make for a study: runs, masks, trainings and their specs, as pure functions.

All take a resolved study. What is found once is kept for as long as the study is.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import TypeVar

from essential_sparsity.estimators.search import FIRST_SEEDS
from essential_sparsity.masks.spec import DENSE, MaskSpec
from essential_sparsity.masks.trained import Trained
from essential_sparsity.outcomes.spec import RunsSpec
from essential_sparsity.runs.procedures.fine_tuning.spec import RecipeSpec
from essential_sparsity.search.rounds import Round, RoundSpec
from essential_sparsity.similarity.spec import MaskSetSpec
from essential_sparsity.stages import paths
from essential_sparsity.study.document import Study
from essential_sparsity.study.resolve import (
    Resolved,
    ResolvedExperiment,
    preprocessor_name,
    resolve,
    unique,
)
from essential_sparsity.support import extensions
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.spec import Spec
from essential_sparsity.support.yaml_files import read_yaml
from essential_sparsity.weights.spec import WeightsSpec

_T = TypeVar("_T")


@dataclass(frozen=True)
class Run:
    """One run's identity, as its path states it."""

    model: str
    task: str
    recipe: str
    mask: str
    seed: int

    def path(self, pattern: str) -> str:
        """Return `pattern` (of `paths`) filled in."""
        return pattern.format(**asdict(self))

    @property
    def tables(self) -> tuple[str, ...]:
        """The paths of what it leaves."""
        return self.path(paths.METRICS), self.path(paths.PREDICTIONS)


class Training(Run):
    """A training that finds `mask`: of one of its own, and as long as a run."""

    @property
    def tables(self) -> tuple[str, ...]:
        """The path of its evaluations."""
        return (self.path(paths.TRAINING_METRICS),)


def load_study(file: Path, root: Path, results: Path) -> Resolved:
    """Read a study's file and resolve it.

    Args:
        file: the study's file.
        root: the repository's root.
        results: the results folder.

    Raises:
        UserError: the file is no valid study, or see `resolve_study`.
    """
    document = read_yaml(file)
    extensions.use(document, file.parent, str(file))
    study = Study.check(document, str(file))
    return resolve_study(study, root, (str(file),), results)


def resolve_study(study: Study, root: Path, files: tuple[str, ...], results: Path) -> Resolved:
    """Resolve a study (see `resolve`), and check what its experiments' tables would ask for.

    Raises:
        UserError: also where a figure's options do not fit the experiment: said now, not after the
            runs.
    """
    resolved = resolve(study, root, files, results)
    for experiment in resolved.experiments.values():
        table_spec(resolved, experiment)
    return resolved


@cache
def runs(study: Resolved, experiment: ResolvedExperiment | None = None) -> tuple[Run, ...]:
    """Return an experiment's runs, controls last, or those of all; none of figures of masks alone.

    Of a search they are those with which it begins: `searched_runs` returns those of a round.
    """
    if experiment is None:
        return _of_all(study, runs)
    settings = experiment.settings
    if experiment.kind.reads != "runs":
        return ()
    if settings.search is not None:
        return searched_runs(study, experiment, round_spec(study, experiment).first())
    rows = [
        # Dense first, since drops refer to it.
        *(
            (model, mask)
            for model in settings.models
            for mask in unique([DENSE, *experiment.masks])
        ),
        *((control, DENSE) for control in settings.controls),
    ]
    return tuple(
        Run(model, task, recipe, mask.bind(task, recipe, seed).name, seed)
        for task, recipe in experiment.recipes.items()
        for seed in settings.seeds_on(task)
        for model, mask in rows
    )


def searched_runs(study: Resolved, experiment: ResolvedExperiment, found: Round) -> tuple[Run, ...]:
    """Return the runs that a round of an experiment's search wants, controls last."""
    settings, recipes = experiment.settings, experiment.recipes
    wanted = [
        Run(curve.model, curve.task, recipes[curve.task], mask, seed)
        for curve in found.curves
        for mask, seed in curve.runs
    ]
    controls = [
        Run(control, task, recipe, DENSE.name, seed)
        for task, recipe in recipes.items()
        for seed in settings.seeds_on(task)[:FIRST_SEEDS]
        for control in settings.controls
    ]
    return tuple(unique([*wanted, *controls]))


def known_runs(study: Resolved, experiment: ResolvedExperiment | None = None) -> tuple[Run, ...]:
    """Return the runs that are known, of an experiment or of all: of searches, up to now."""
    if experiment is None:
        return _of_all(study, known_runs)
    if experiment.settings.search is None:
        return runs(study, experiment)
    return searched_runs(study, experiment, last_round(study, experiment))


def last_round(study: Resolved, experiment: ResolvedExperiment, most: int | None = None) -> Round:
    """Return the last round of a search that the results have, or the runs that it begins with.

    Args:
        study: the study.
        experiment: one that searches.
        most: the number of a round after which none is read, None for no such.

    Raises:
        UserError: a round is damaged.
    """
    found = round_spec(study, experiment).first()
    for number in count(1) if most is None else range(1, most + 1):
        path = study.results / round_path(study, experiment, number)
        if found.is_last or not path.exists():
            break
        found = Round.load(path)
    return found


@cache
def masks(
    study: Resolved, experiment: ResolvedExperiment | None = None
) -> tuple[tuple[str, MaskSpec], ...]:
    """Return the (model, mask) pairs that an experiment's figure needs, or all figures."""
    if experiment is None:
        return _of_all(study, masks)
    if experiment.kind.reads == "runs":
        found = runs(study, experiment)
        return tuple(unique((run.model, study.masks[run.mask]) for run in found))
    models = experiment.settings.models
    return tuple((model, mask) for model in models for mask in experiment.masks)


@cache
def trainings(
    study: Resolved, experiment: ResolvedExperiment | None = None
) -> tuple[Training, ...]:
    """Return the trainings that find the masks of an experiment, or of all: whole chains."""
    if experiment is None:
        return _of_all(study, trainings)
    found: list[Training] = []
    for model, last in masks(study, experiment):
        mask = last
        while isinstance(mask, Trained):
            place = str(mask.task), str(mask.recipe), mask.name, mask.seed or 0
            found.append(Training(model, *place))
            mask = mask.previous()
    return tuple(unique(found))


def _of_all(
    study: Resolved, items: Callable[[Resolved, ResolvedExperiment], Iterable[_T]]
) -> tuple[_T, ...]:
    """Return the items of all experiments, each once."""
    return tuple(unique(i for e in study.experiments.values() for i in items(study, e)))


def searches(study: Resolved) -> list[ResolvedExperiment]:
    """Return the experiments that search."""
    return [e for e in study.experiments.values() if e.settings.search is not None]


def recipe_of(study: Resolved, task: str, recipe: str) -> RecipeSpec:
    """Return a task's recipe by its identity in paths."""
    known = {name: spec for (of, name), spec in study.recipes.items() if of == task}
    return study.find(known, recipe, f"recipe of task '{task}'")


def preprocessor_of(study: Resolved, model: str, task: str, recipe: str) -> str:
    """Return what a run's data are called: whose preprocessor made them ready, at what size."""
    entry = study.find(study.tasks, task, "task")
    study.find(study.models, model, "model")
    return preprocessor_name(study.models, model, entry, recipe_of(study, task, recipe))


def task_data(study: Resolved, model: str, task: str, recipe: str) -> str:
    """Return the manifest of a run's data."""
    preprocessor = preprocessor_of(study, model, task, recipe)
    return paths.TASK_MANIFEST.format(task=task, preprocessor=preprocessor)


def measurement_spec(study: Resolved, experiment: ResolvedExperiment) -> Spec:
    """Return what is measured of each model: its masks, or what is asked of its weights."""
    if experiment.kind.reads == "weights":
        return WeightsSpec.model_validate(experiment.settings.options)
    names = [mask.name for mask in experiment.masks]
    return MaskSetSpec.check({"masks": names}, f"{study.where}: experiment '{experiment.name}'")


def measurements(study: Resolved, experiment: ResolvedExperiment) -> dict[str, str]:
    """Return model → path of its measurement for the experiment's figure; none of most kinds."""
    if experiment.kind.measurement is None:
        return {}
    digest = measurement_spec(study, experiment).digest()
    return {
        model: paths.MEASUREMENT.format(measurement=experiment.kind.name, model=model, set=digest)
        for model in experiment.settings.models
    }


def table_spec(study: Resolved, experiment: ResolvedExperiment) -> Spec:
    """Return the spec of an experiment's tables.

    Raises:
        UserError: the figure's options do not fit the experiment.
    """
    settings, kind = experiment.settings, experiment.kind
    known = {
        "models": settings.models,
        "controls": {name: study.models[name].base or "" for name in settings.controls},
        "families": RunsSpec.families_of(mask.label() for mask in experiment.masks),
        "metrics": {task: study.tasks[task].metric for task in experiment.recipes},
        "statistics": experiment.statistics,
    }
    filled = {name: value for name, value in known.items() if name in kind.spec.model_fields}
    where = f"{study.where}: experiment '{experiment.name}'"
    return kind.spec.check(filled | settings.options, where)


def round_spec(study: Resolved, experiment: ResolvedExperiment) -> RoundSpec:
    """Return the spec of an experiment's search.

    Raises:
        UserError: the experiment has none.
    """
    search = experiment.settings.search
    if search is None:
        raise UserError(f"{study.where}: experiment '{experiment.name}' has no search")
    # Nothing hangs on what tables say of other ε.
    used = {"epsilon", "confidence", "resamples"}
    lattices: dict[str, list[str]] = {}
    for mask in sorted(experiment.masks, key=lambda mask: mask.nominal_sparsity or 0.0):
        lattices.setdefault(mask.family, []).append(mask.name)
    lattices.pop(DENSE.family, None)
    return RoundSpec.model_validate(
        {
            "models": experiment.settings.models,
            "tasks": list(experiment.recipes),
            "lattices": lattices,
            "starts": experiment.beginning,
            "seeds": experiment.settings.seeds,
            "seeds_of": experiment.settings.seeds_of,
            "metrics": {task: study.tasks[task].metric for task in experiment.recipes},
            "statistics": experiment.statistics.model_dump(include=used),
            "settings": search,
        }
    )


def round_path(study: Resolved, experiment: ResolvedExperiment, number: int | str) -> str:
    """Return the path of a round of an experiment's search."""
    return paths.SEARCH_ROUND.format(
        study=study.study.study, experiment=experiment.name, round=number
    )
