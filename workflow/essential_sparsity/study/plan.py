"""From a study to its jobs: which artifacts there are, and what each of them depends on.

The workflow asks this module for targets and, job by job, for the spec; it decides nothing itself.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from essential_sparsity.checkpoints.spec import FolderSource
from essential_sparsity.claims.check import ModelFacts, TrainedMask
from essential_sparsity.claims.claim import ClaimsSpec
from essential_sparsity.figures.kinds import FIGURE_KINDS, FigureKind
from essential_sparsity.figures.spec import FigureSpec
from essential_sparsity.masks.criterion import Ranking
from essential_sparsity.masks.grid import Grid
from essential_sparsity.masks.registry import module_of
from essential_sparsity.masks.spec import DENSE, MaskSpec
from essential_sparsity.masks.trained import Trained
from essential_sparsity.runs import kinds as run_kinds
from essential_sparsity.runs.spec import RecipeSpec, RunSpec
from essential_sparsity.search.rounds import Round, RoundSpec
from essential_sparsity.search.spec import FIRST_SEEDS
from essential_sparsity.stages import paths
from essential_sparsity.statistics.spec import MaskSetSpec, StatisticsSpec, WeightsSpec
from essential_sparsity.study.catalog import Catalog, ModelEntry, TaskEntry
from essential_sparsity.study.document import Experiment, Study
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.spec import Spec
from essential_sparsity.support.validation import unknown
from essential_sparsity.support.yaml_files import read_yaml
from essential_sparsity.tasks import kinds as task_kinds
from essential_sparsity.tasks.source import SOURCES
from essential_sparsity.tasks.spec import LocalFiles
from essential_sparsity.tickets.spec import TrainingSpec
from essential_sparsity.tidy.spec import TidySpec

_T = TypeVar("_T")

# The recipes that are the paper's bear this name in the catalog.
_PAPERS_RECIPE = "paper"


RUN_TABLES = (paths.METRICS, paths.PREDICTIONS)

# A figure as picture, as print, as data.
FIGURE_FORMATS = ("png", "pdf", "parquet")


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
        return pattern.format(**self.__dict__)

    @property
    def tables(self) -> tuple[str, ...]:
        """The paths of what it leaves."""
        return tuple(self.path(pattern) for pattern in RUN_TABLES)


class Training(Run):
    """A fine-tuning that finds `mask`: of one of its own, and as long as a run."""

    @property
    def tables(self) -> tuple[str, ...]:
        """The path of its evaluations."""
        return (self.path(paths.TRAINING_METRICS),)


class Plan:
    """A study's jobs. Everything is looked up by the names that stand in paths."""

    def __init__(self, study: Study, root: Path, where: str, sources: Path) -> None:
        """Resolve every name of the study.

        Args:
            study: the validated study.
            root: the repository's root, to which catalog folders are relative.
            where: the study's file, for errors.
            sources: the root as seen from the results folder. Paths of local models and data go
                through it, so that a project that moves as a whole is still the same.

        Raises:
            UserError: a model, task or recipe is unknown, a control has no model here, or a claim
                of the catalog is not valid.
        """
        self.study = study
        self._sources = sources
        self._where = where
        self._catalog = Catalog(root / "catalog", *(root / f for f in study.catalogs))
        self._models: dict[str, ModelEntry] = {}
        self._tasks: dict[str, TaskEntry] = {}
        self._recipes: dict[tuple[str, str], RecipeSpec] = {}
        # By the preprocessor's name in paths: whose tokenizer or image processor, and at what size.
        self._preprocessors: dict[str, tuple[str, RecipeSpec]] = {}
        self._masks: dict[str, MaskSpec] = {DENSE.name: DENSE}
        # By experiment: its masks, with a recipe's identity where the study has its name.
        self._settled: dict[str, list[MaskSpec]] = {}
        self._measured: dict[tuple[str, str], Spec] = {}
        for index, experiment in enumerate(study.experiments):
            self._resolve(experiment, f"experiments[{index}]")
        self._check_references()
        # What the verdicts on the paper's claims depend on.
        self.claims = self._claims_spec()

    @classmethod
    def load(cls, file: Path, root: Path, results: Path) -> "Plan":
        """Read a study's file and plan it.

        Args:
            file: the study's file.
            root: the repository's root.
            results: the results folder.

        Raises:
            UserError: the file is no valid study, or see `__init__`.
        """
        study = Study.check(read_yaml(file), str(file))
        return cls(study, root, str(file), Path(os.path.relpath(root, results)))

    def _resolve(self, experiment: Experiment, key: str) -> None:
        for field in ("models", "controls"):
            for position, name in enumerate(getattr(experiment, field)):
                self._resolve_model(name, f"{self._where}: {key}.{field}[{position}]")
        for position, name in enumerate(experiment.controls):
            base = self._models[name].base
            if base not in experiment.models:
                raise UserError(
                    f"{self._where}: {key}.controls[{position}]: '{name}' is no random start of "
                    f"one of this experiment's models ({', '.join(experiment.models)})"
                )
        for position, name in enumerate(experiment.tasks):
            entry = self._catalog.task(name, f"{self._where}: {key}.tasks[{position}]")
            self._tasks[name] = entry
            self._resolve_recipe(experiment, name, experiment.recipe, key)
        for position, grid in enumerate(experiment.grids):
            self._resolve_masks(experiment, grid, f"{key}.masks[{position}]")
        self._resolve_measurement(experiment)
        self.table_spec(experiment)  # a mistake in it is told now, not after the runs

    def _resolve_recipe(
        self, experiment: Experiment, task: str, recipe: str | None, key: str
    ) -> str:
        """Note a recipe of a task as this experiment uses it; return its identity in paths."""
        entry = self._tasks[task]
        if recipe not in entry.recipes:
            what = f"recipe of task '{task}':"
            raise UserError(unknown(self._where, f"{key}.recipe", recipe, entry.recipes, what))
        changed = experiment.override(entry.recipes[recipe])
        try:
            entry.check_recipe(changed)
        except ValueError as error:
            raise UserError(f"{self._where}: {key}.overrides: task '{task}': {error}") from None
        self._recipes[task, recipe_id(recipe, changed)] = changed
        for model in (*experiment.models, *experiment.controls):
            preprocessor = self._preprocessor(model, entry, changed)
            self._preprocessors[preprocessor] = self._prepares(model), changed
        return recipe_id(recipe, changed)

    def _resolve_masks(self, experiment: Experiment, grid: Grid, key: str) -> None:
        """Note the masks of a grid, those of every run where they are the runs' own."""
        masks = self._settled.setdefault(experiment.name, [])
        for mask in grid.masks():
            if task := getattr(mask, "task", None):
                self._tasks[task] = self._catalog.task(task, f"{self._where}: {key}.tasks")
                recipe = getattr(mask, "recipe", None) or experiment.recipe
                identity = self._resolve_recipe(experiment, task, recipe, key)
                mask = mask.model_copy(update={"recipe": identity})
            masks.append(mask)
            if FIGURE_KINDS[experiment.figure].reads == "runs":
                bound = [
                    mask.bind(task, self._recipe_of(experiment, task), seed)
                    for task in experiment.tasks
                    for seed in experiment.seeds_on(task)
                ]
            elif mask.is_bound:
                bound = [mask]
            else:
                raise UserError(
                    f"{self._where}: {key}: which masks of criterion '{mask.criterion}'? a figure "
                    "of masks has no runs that would say so: state tasks, recipe and seeds"
                )
            for one in bound:
                self._note_mask(one, key)

    def _note_mask(self, mask: MaskSpec, key: str) -> None:
        """Note a mask, and those that its training begins with."""
        if self._masks.setdefault(mask.name, mask) != mask:
            raise UserError(
                f"{self._where}: {key}: two masks of this study are called '{mask.name}' and "
                "differ; rename the file that one is made from"
            )
        if isinstance(mask, Trained):
            self._note_mask(mask.previous(), key)

    def _resolve_measurement(self, experiment: Experiment) -> None:
        kind = FIGURE_KINDS[experiment.figure]
        if kind.measurement is not None:
            spec = self._measurement_of(experiment)
            self._measured[kind.name, spec.digest()] = spec

    def _check_references(self) -> None:
        """Check that every mask which another one is made from is one of the study's."""
        for index, experiment in enumerate(self.study.experiments):
            for position, grid in enumerate(experiment.grids):
                # What training finds brings along the masks that it begins with.
                plain = [mask for mask in grid.masks() if not isinstance(mask, Trained)]
                for name in (name for mask in plain for name in mask.references()):
                    if name not in self._masks:
                        where = f"experiments[{index}].masks[{position}].like"
                        raise UserError(
                            unknown(self._where, where, name, self._masks, "mask of this study")
                        )

    def _resolve_model(self, name: str, where: str, seen: tuple[str, ...] = ()) -> None:
        if name in seen:
            raise UserError(f"{where}: '{name}' is built on itself")
        self._models[name] = entry = self._catalog.model(name, where)
        for other in (entry.base, entry.preprocessor):
            if other is not None:
                self._resolve_model(other, where, (*seen, name))

    @property
    def models(self) -> Mapping[str, ModelEntry]:
        """The study's models, controls too, and those whose files or preprocessor they need."""
        return self._models

    @property
    def tasks(self) -> Mapping[str, TaskEntry]:
        """The study's tasks."""
        return self._tasks

    # What there is to make.

    def runs(self, experiment: Experiment) -> list[Run]:
        """Return an experiment's runs, controls last; empty if its figure reads masks alone.

        Of a search it is those with which it begins: `searched_runs` returns those of a round.
        """
        if FIGURE_KINDS[experiment.figure].reads != "runs":
            return []
        if experiment.search is not None:
            return self.searched_runs(experiment, self.round_spec(experiment).first())
        rows = [
            *((model, mask) for model in experiment.models for mask in self.run_masks(experiment)),
            *((control, DENSE) for control in experiment.controls),
        ]
        return [
            Run(model, task, recipe, mask.bind(task, recipe, seed).name, seed)
            for task in experiment.tasks
            for recipe in [self._recipe_of(experiment, task)]
            for seed in experiment.seeds_on(task)
            for model, mask in rows
        ]

    def searched_runs(self, experiment: Experiment, found: Round) -> list[Run]:
        """Return the runs that a round of an experiment's search wants, controls last."""
        runs = [
            Run(curve.model, curve.task, self._recipe_of(experiment, curve.task), mask, seed)
            for curve in found.curves
            for mask, seed in curve.runs
        ]
        controls = [
            Run(control, task, self._recipe_of(experiment, task), DENSE.name, seed)
            for task in experiment.tasks
            for seed in experiment.seeds_on(task)[:FIRST_SEEDS]
            for control in experiment.controls
        ]
        return _unique([*runs, *controls])

    @cached_property
    def all_runs(self) -> list[Run]:
        """Every run of the study, once: of a search, those with which it begins."""
        return _unique(run for e in self.study.experiments for run in self.runs(e))

    def run_masks(self, experiment: Experiment) -> list[MaskSpec]:
        """Return the masks whose runs an experiment needs: dense first, since drops refer to it."""
        return _unique([DENSE, *self._settled[experiment.name]])

    def figure_masks(self, experiment: Experiment) -> list[MaskSpec]:
        """Return the masks that a figure of masks shows."""
        return _unique(self._settled.get(experiment.name, ()))

    def trainings(self, experiment: Experiment) -> list[Run]:
        """Return the fine-tunings that find an experiment's masks, whole chains of them."""
        found: list[Run] = []
        for model, last in self.masks(experiment):
            mask = last
            while isinstance(mask, Trained):
                place = str(mask.task), str(mask.recipe), mask.name, mask.seed or 0
                found.append(Training(model, *place))
                mask = mask.previous()
        return _unique(found)

    @cached_property
    def all_trainings(self) -> list[Run]:
        """Every fine-tuning that finds a mask of the study, once."""
        return _unique(run for e in self.study.experiments for run in self.trainings(e))

    def masks(self, experiment: Experiment) -> list[tuple[str, MaskSpec]]:
        """Return the (model, mask) pairs that an experiment's figure needs."""
        if FIGURE_KINDS[experiment.figure].reads == "runs":
            return _unique((run.model, self._masks[run.mask]) for run in self.runs(experiment))
        return [
            (model, mask) for model in experiment.models for mask in self.figure_masks(experiment)
        ]

    @cached_property
    def all_masks(self) -> list[tuple[str, MaskSpec]]:
        """Every (model, mask) pair of the study, once."""
        return _unique(pair for e in self.study.experiments for pair in self.masks(e))

    def mask_targets(self) -> list[str]:
        """Return the paths of every mask of the study."""
        return [paths.MASK.format(model=model, mask=mask.name) for model, mask in self.all_masks]

    def fetched(self) -> list[str]:
        """Return the manifests of all that may come from elsewhere: checkpoints and task data."""
        runs = [*self.all_runs, *self.all_trainings]
        checkpoints = [paths.CHECKPOINT_MANIFEST.format(model=model) for model in self._models]
        return [*checkpoints, *_unique(self.task_data(r.model, r.task, r.recipe) for r in runs)]

    def table_inputs(self, experiment: Experiment) -> list[str]:
        """Return the artifacts that an experiment's tables are computed from, without a search."""
        kind = FIGURE_KINDS[experiment.figure]
        if kind.measurement is not None:
            return list(self._measurements(experiment).values())
        if kind.reads == "runs":
            return [table for run in self.runs(experiment) for table in run.tables]
        return [
            path.format(model=model, mask=mask.name)
            for model, mask in self.masks(experiment)
            for path in (paths.MASK_MANIFEST, paths.CHECKPOINT_MANIFEST)
        ]

    def round_inputs(self, experiment: Experiment, found: Round | None) -> list[str]:
        """Return the runs' tables from which what follows a round of a search is decided.

        `found` is None before the first round.
        """
        found = found or self.round_spec(experiment).first()
        return [table for run in self.searched_runs(experiment, found) for table in run.tables]

    def round_path(self, experiment: Experiment, number: int | str) -> str:
        """Return the path of a round of an experiment's search."""
        return paths.SEARCH_ROUND.format(
            study=self.study.study, experiment=experiment.name, round=number
        )

    def round_spec(self, experiment: Experiment) -> RoundSpec:
        """Return the spec of an experiment's search.

        Raises:
            UserError: the experiment has none.
        """
        if experiment.search is None:
            raise UserError(f"{self._where}: experiment '{experiment.name}' has no search")
        starts: dict[str, list[str]] = {}
        for mask in (mask for grid in experiment.beginnings for mask in grid.masks()):
            starts.setdefault(mask.family, []).append(mask.name)
        table = self.table_spec(experiment)
        # Controls have no part in it, nor has what tables say of other ε.
        filled = table.model_dump(include={"models", "tasks", "masks", "seeds", "seeds_of"})
        statistics = self._statistics_of(experiment)
        used = {"epsilon", "confidence", "resamples"}
        return RoundSpec(
            **filled,
            statistics=statistics.model_dump(include=used),
            settings=experiment.search,
            starts=starts,
        )

    def searches(self) -> list[Experiment]:
        """Return the experiments that search."""
        return [e for e in self.study.experiments if e.search is not None]

    def measurement_inputs(self, kind: str, model: str, digest: str) -> list[str]:
        """Return what a measurement of a model is made from: its checkpoint, and masks if any."""
        checkpoint = paths.CHECKPOINT_MANIFEST.format(model=model)
        masks = getattr(self.measurement_spec(kind, digest), "masks", ())
        manifests = [paths.MASK_MANIFEST.format(model=model, mask=mask) for mask in masks]
        return [checkpoint, *manifests]

    def measurement_spec(self, kind: str, digest: str) -> Spec:
        """Return what a measurement depends on."""
        known = {name: spec for (of, name), spec in self._measured.items() if of == kind}
        return self._lookup(known, digest, f"measurement of kind '{kind}'")

    def _measurement_of(self, experiment: Experiment) -> Spec:
        """Return the spec of each model's measurement: the masks, or what is asked of weights."""
        if FIGURE_KINDS[experiment.figure].reads == "weights":
            return WeightsSpec.model_validate(experiment.options)
        names = [mask.name for mask in self.figure_masks(experiment)]
        return MaskSetSpec.check({"masks": names}, f"{self._where}: experiment '{experiment.name}'")

    def _measurements(self, experiment: Experiment) -> dict[str, str]:
        """Return model → path of its measurement for the experiment's figure."""
        digest = self._measurement_of(experiment).digest()
        return {
            model: paths.MEASUREMENT.format(measurement=experiment.figure, model=model, set=digest)
            for model in experiment.models
        }

    def tables(self, experiment: Experiment) -> list[str]:
        """Return the paths of an experiment's tables."""
        kind = FIGURE_KINDS[experiment.figure]
        return [self._table(experiment.name, table) for table in kind.tables]

    def tables_called(self, table: str) -> dict[str, str]:
        """Return experiment → path of its table of this name, of those that have one."""
        return {
            experiment.name: self._table(experiment.name, table)
            for experiment in self.study.experiments
            if table in FIGURE_KINDS[experiment.figure].tables
        }

    def tidy_tables(self) -> list[str]:
        """Return the paths of the study's tables of all runs; none if it has no runs."""
        patterns = (paths.ALL_RUNS, paths.ALL_PREDICTIONS) if self.tables_called("runs") else ()
        return [pattern.format(study=self.study.study) for pattern in patterns]

    def tidy_spec(self) -> TidySpec:
        """Return what the tables of all runs are gathered from."""
        return TidySpec(study=self.study.study, experiments=tuple(self.tables_called("runs")))

    def essential_figure(self) -> list[str]:
        """Return the paths of the figure of all essential sparsities; none if there are none."""
        formats = FIGURE_FORMATS if self.tables_called("essential") else ()
        return [
            paths.ESSENTIAL_FIGURE.format(study=self.study.study, format=format)
            for format in formats
        ]

    def _table(self, experiment: str, table: str) -> str:
        return paths.TABLE.format(study=self.study.study, experiment=experiment, table=table)

    @property
    def all_tables(self) -> list[str]:
        """The paths of all experiments' tables."""
        return [path for experiment in self.study.experiments for path in self.tables(experiment)]

    @property
    def all_figures(self) -> list[str]:
        """The paths of all figures, that of the study as a whole last."""
        figures = [path for e in self.study.experiments for path in self.figures(e)]
        return [*figures, *self.essential_figure()]

    def figures(self, experiment: Experiment) -> list[str]:
        """Return the paths of an experiment's figure, as picture, as print, as data."""
        return [
            paths.FIGURE.format(study=self.study.study, experiment=experiment.name, format=format)
            for format in FIGURE_FORMATS
        ]

    # What each job depends on, by the wildcards of its path.

    def checkpoint_spec(self, model: str) -> Spec:
        """Return a checkpoint's spec."""
        return self._lookup(self._models, model, "model").checkpoint_spec().below(self._sources)

    def base_arguments(self, model: str) -> list[str]:
        """Return the stage's arguments for the checkpoint on which a random start is built."""
        base = self._lookup(self._models, model, "model").base
        return ["--base", paths.CHECKPOINT.format(model=base)] if base else []

    def checkpoint_base(self, model: str) -> list[str]:
        """Return the manifest of the checkpoint on which a random start is built, if it is one."""
        base = self._lookup(self._models, model, "model").base
        return [paths.CHECKPOINT_MANIFEST.format(model=base)] if base else []

    def checkpoint_folders(self, model: str) -> list[str]:
        """Return the folders of this machine that a checkpoint may be made from."""
        entry = self._lookup(self._models, model, "model")
        sources = entry.checkpoint_spec().below(self._sources).sources
        return [source.path for source in sources if isinstance(source, FolderSource)]

    def task_spec(self, task: str, preprocessor: str) -> Spec:
        """Return the spec of a task's data."""
        _, recipe = self._lookup(self._preprocessors, preprocessor, "preprocessor")
        return self._task(task).data_spec(recipe).below(self._sources)

    def task_modules(self, task: str) -> tuple[str, ...]:
        """Return the modules that make a task's data: the stage, the source, the kind's own."""
        entry = self._task(task)
        kind = task_kinds.module_of(entry.examples.kind)
        return "essential_sparsity.tasks", SOURCES[entry.data.kind], kind

    def task_files(self, task: str) -> list[str]:
        """Return the files of this machine that hold a task's examples, if it has such."""
        entry = self._task(task)
        recipe = next(iter(entry.recipes.values()))
        data = entry.data_spec(recipe).below(self._sources).data
        return [data.train, data.evaluation] if isinstance(data, LocalFiles) else []

    def task_data(self, model: str, task: str, recipe: str) -> str:
        """Return the manifest of a run's data: made ready by whose preprocessor, at what size."""
        preprocessor = self._preprocessor(model, self._task(task), self.recipe(task, recipe))
        return paths.TASK_MANIFEST.format(task=task, preprocessor=preprocessor)

    def preprocessor_checkpoint(self, preprocessor: str) -> str:
        """Return the manifest of the checkpoint whose tokenizer or image processor is named."""
        model, _ = self._lookup(self._preprocessors, preprocessor, "preprocessor")
        return paths.CHECKPOINT_MANIFEST.format(model=model)

    def _preprocessor(self, model: str, entry: TaskEntry, recipe: RecipeSpec) -> str:
        """Return the name in paths: the model whose it is, and the sizes."""
        sizes = entry.data_spec(recipe).preprocessing.values()
        return "-".join([self._prepares(model), *(str(size or "own") for size in sizes)])

    def _prepares(self, model: str) -> str:
        """Return the model whose tokenizer or image processor is used for `model`."""
        entry = self._lookup(self._models, model, "model")
        return entry.preprocessor or entry.base or model

    def _task(self, name: str) -> TaskEntry:
        return self._lookup(self._tasks, name, "task")

    def mask_spec(self, mask: str) -> MaskSpec:
        """Return a mask's spec."""
        return self._lookup(self._masks, mask, "mask").below(self._sources)

    def mask_modules(self, mask: str) -> tuple[str, str]:
        """Return the modules that make a mask: the stage, and the criterion's own."""
        criterion = self._lookup(self._masks, mask, "mask").criterion
        return "essential_sparsity.masks", module_of(criterion)

    def mask_inputs(self, model: str, mask: str) -> list[str]:
        """Return what a mask is made from besides the checkpoint: a histogram, masks, results."""
        spec = self.mask_spec(mask)
        histogram = [paths.HISTOGRAM.format(model=model)] if _uses_histogram(spec) else []
        manifests = [paths.MASK_MANIFEST.format(model=model, mask=m) for m in spec.references()]
        inside = [path for path in _files(spec, model).values() if not _is_outside(path)]
        return [*histogram, *manifests, *inside]

    def mask_files(self, model: str, mask: str) -> list[str]:
        """Return the files of this machine that a mask is made from, such as an imported one."""
        return [p for p in _files(self.mask_spec(mask), model).values() if _is_outside(p)]

    def is_untrained(self, mask: str) -> bool:
        """Tell whether a mask follows from its checkpoint, and masks that do: from no run."""
        spec = self._lookup(self._masks, mask, "mask")
        made = isinstance(spec, Trained) or bool(spec.files())
        return not made and all(map(self.is_untrained, spec.references()))

    def mask_arguments(self, model: str, mask: str) -> list[str]:
        """Return the stage's arguments for what a mask is made from."""
        spec = self.mask_spec(mask)
        histogram = ["--histogram", paths.HISTOGRAM.format(model=model)]
        references = [
            argument
            for name in spec.references()
            for argument in ("--mask", f"{name}={paths.MASK.format(model=model, mask=name)}")
        ]
        files = [
            argument
            for role, path in _files(spec, model).items()
            for argument in ("--file", f"{role}={path}")
        ]
        return (histogram if _uses_histogram(spec) else []) + references + files

    def recipe(self, task: str, recipe: str) -> RecipeSpec:
        """Return a recipe by its identity in paths."""
        known = {name: spec for (of, name), spec in self._recipes.items() if of == task}
        return self._lookup(known, recipe, f"recipe of task '{task}'")

    def training(self, mask: str) -> Trained:
        """Return a mask that training finds.

        Raises:
            UserError: the study has no such mask.
        """
        found = {name: m for name, m in self._masks.items() if isinstance(m, Trained)}
        return self._lookup(found, mask, "trained mask")

    def training_spec(self, mask: str) -> Spec:
        """Return what the training that finds a mask depends on."""
        spec = self.training(mask)
        run = self.run_spec(str(spec.task), str(spec.recipe), spec.seed or 0)
        return TrainingSpec(mask=spec.document(), run=run)

    def training_modules(self, mask: str) -> tuple[str, ...]:
        """Return the modules that find a mask: the stage, the criterion's own, the examples'."""
        spec = self.training(mask)
        kind = self._task(str(spec.task)).examples.kind
        return "essential_sparsity.tickets", module_of(spec.criterion), run_kinds.module_of(kind)

    def training_data(self, model: str, mask: str) -> str:
        """Return the manifest of the task data of the training that finds a mask."""
        spec = self.training(mask)
        return self.task_data(model, str(spec.task), str(spec.recipe))

    def begun(self, model: str, mask: str, pattern: str) -> str:
        """Return `pattern` (of `paths`) of the mask with which the training of `mask` begins."""
        return pattern.format(model=model, mask=self.training(mask).previous().name)

    def training_start(self, model: str, mask: str) -> list[str]:
        """Return the files of tensors from which the training that finds a mask starts."""
        spec = self.training(mask)
        kept = paths.HEAD.format(model=model, mask=spec.previous().name)
        return self.run_start(model, mask) + ([kept] if spec.keeps_head() else [])

    def run_start(self, model: str, mask: str) -> list[str]:
        """Return the files of tensors from which runs under a mask start: rewound weights."""
        spec = self._lookup(self._masks, mask, "mask")
        if not isinstance(spec, Trained) or not spec.rewind_step:
            return []
        place = {"task": spec.task, "recipe": spec.recipe, "seed": spec.seed}
        return [paths.REWIND.format(model=model, step=spec.rewind_step, **place)]

    @cached_property
    def trained_names(self) -> str:
        """A regular expression of the names of masks that training finds."""
        names = (re.escape(n) for n, mask in self._masks.items() if isinstance(mask, Trained))
        return "|".join(names) or "(?!)"

    def run_spec(self, task: str, recipe: str, seed: int) -> RunSpec:
        """Return a run's spec."""
        entry = self._task(task)
        return RunSpec(
            recipe=self.recipe(task, recipe), metric=entry.metric, also=entry.also, seed=seed
        )

    def run_modules(self, task: str) -> tuple[str, ...]:
        """Return the modules that make a run: the stage, and the kind of examples' own."""
        return "essential_sparsity.runs", run_kinds.module_of(self._task(task).examples.kind)

    def table_spec(self, experiment: Experiment) -> Spec:
        """Return the spec of an experiment's tables."""
        kind = FIGURE_KINDS[experiment.figure]
        filled: dict[str, Any] = {"models": experiment.models}
        if kind.measurement is not None:
            filled["measurements"] = self._measurements(experiment)
        if kind.reads == "masks":
            filled["masks"] = [mask.label() for mask in self.figure_masks(experiment)]
        if kind.reads == "runs":
            filled |= {
                "controls": {name: self._models[name].base or "" for name in experiment.controls},
                "tasks": {task: self._recipe_of(experiment, task) for task in experiment.tasks},
                "masks": [mask.label() for mask in self.run_masks(experiment)],
                "seeds": experiment.seeds,
                "seeds_of": experiment.seeds_of,
                "statistics": self._statistics_of(experiment),
            }
            if experiment.search is not None:
                names = {"study": self.study.study, "experiment": experiment.name}
                filled["search"] = paths.SEARCH.format(**names)
        where = f"{self._where}: experiment '{experiment.name}'"
        return kind.spec.check(filled | experiment.options, where)

    def figure_spec(self, experiment: Experiment | None = None) -> Spec:
        """Return the spec of an experiment's figure, or of the study's: the words on it."""
        tasks = self._tasks if experiment is None else experiment.tasks
        return FigureSpec(
            # All of the study's, so that a model has one colour in all of its figures.
            models={name: entry.label for name, entry in self._models.items()},
            tasks={name: self._tasks[name].label for name in tasks},
            epsilon=(
                self._statistics_of(experiment) if experiment else self.study.statistics
            ).epsilon,
        )

    def _claims_spec(self) -> ClaimsSpec:
        """Return the claims for whose test one of the study's experiments has a table."""
        tables = {e.name: FIGURE_KINDS[e.figure].tables for e in self.study.experiments}
        there = {table for names in tables.values() for table in names}
        known = self._catalog.claims()
        claims = {n: claim for n, claim in known.items() if set(claim.test.tables) <= there}
        read = {table for claim in claims.values() for table in claim.test.tables}
        entries = {name: e for name, e in self._models.items() if e.base is None}
        papers = {t: e.recipes.get(_PAPERS_RECIPE) for t, e in self._tasks.items()}
        return ClaimsSpec(
            claims=claims,
            experiments={name: [t for t in names if t in read] for name, names in tables.items()},
            models={n: ModelFacts(label=e.label, traits=e.traits) for n, e in entries.items()},
            tasks={name: entry.label for name, entry in self._tasks.items()},
            recipes={t: recipe_id(_PAPERS_RECIPE, r) for t, r in papers.items() if r is not None},
            trained={
                mask.name: TrainedMask(
                    task=mask.task,
                    recipe=mask.recipe,
                    seed=mask.seed,
                    plain=not mask.training_options(),
                )
                for experiment in self.experiments_of(FIGURE_KINDS["similarity"])
                for mask in self.figure_masks(experiment)
                if isinstance(mask, Trained)
            },
            epsilon=self.study.statistics.epsilon,
            confidence=self.study.statistics.confidence,
        )

    def claims_inputs(self) -> list[str]:
        """Return the tables that the study's claims are tested on."""
        return [
            self._table(experiment, table)
            for experiment, tables in self.claims.experiments.items()
            for table in tables
        ]

    def experiment(self, name: str) -> Experiment:
        """Return an experiment by its name."""
        return self._lookup({e.name: e for e in self.study.experiments}, name, "experiment")

    def experiments_of(self, kind: FigureKind) -> list[Experiment]:
        """Return the experiments that are drawn as `kind`."""
        return [e for e in self.study.experiments if e.figure == kind.name]

    def _statistics_of(self, experiment: Experiment) -> StatisticsSpec:
        """Return the study's statistics, about the ε that an experiment searches for.

        The study's own ε comes second then: its claims are about that one, whatever is searched.
        """
        settings = self.study.statistics
        searched = experiment.search and experiment.search.epsilon
        if not searched or searched == settings.epsilon:
            return settings
        others = (settings.epsilon, *settings.epsilons)
        return settings.model_copy(update={"epsilon": searched, "epsilons": others})

    def _recipe_of(self, experiment: Experiment, task: str) -> str:
        name = str(experiment.recipe)
        return recipe_id(name, experiment.override(self._tasks[task].recipes[name]))

    def _lookup(self, known: dict[str, _T], name: str, what: str) -> _T:
        if name not in known:
            raise UserError(unknown(self._where, "target", name, known, what))
        return known[name]


def recipe_id(name: str, recipe: RecipeSpec) -> str:
    """Return a recipe's identity in paths: its name, and a digest of what it says."""
    return f"{name}-{recipe.digest()}"


def _files(spec: MaskSpec, model: str) -> dict[str, str]:
    return {role: path.format(model=model) for role, path in spec.files().items()}


def _is_outside(path: str) -> bool:
    """Tell whether a path, as seen from the results folder, leads out of it."""
    return os.path.isabs(path) or os.path.normpath(path).startswith(os.pardir)


def _uses_histogram(spec: MaskSpec) -> bool:
    """Tell whether a mask follows from the kept histogram: row by row, nothing is counted."""
    by_group = getattr(spec, "pattern", None) or getattr(spec, "scope", None) == "row"
    return isinstance(spec, Ranking) and spec.uses_histogram and not by_group


def _unique(items: Iterable[_T]) -> list[_T]:
    return list(dict.fromkeys(items))
