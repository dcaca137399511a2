"""The stages between runs, masks and weights and a figure: one of each for every kind of figure."""

import os
from functools import partial

from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.figures.kind import FigureKind
from essential_sparsity.figures.kinds import EXPERIMENT_KINDS, FIGURE_KINDS, STUDY_KINDS
from essential_sparsity.metrics import module_of
from essential_sparsity.stages import paths
from essential_sparsity.stages.checks import check_figure, check_files
from essential_sparsity.stages.sources import checkpoint_of
from essential_sparsity.stages.stage import Place, Resources, Stage, flags
from essential_sparsity.study import jobs
from essential_sparsity.study.resolve import Resolved, ResolvedExperiment, unique
from essential_sparsity.support.spec import Spec

# A figure as picture, as print, as data.
FORMATS = ("png", "pdf", "parquet")


def experiment_of(study: Resolved, place: Place) -> ResolvedExperiment:
    """Return the experiment of a job's path."""
    return study.find(study.experiments, place["experiment"], "experiment")


def drawn_as(study: Resolved, kind: FigureKind) -> list[ResolvedExperiment]:
    """Return the experiments whose figure is of a kind."""
    return [e for e in study.experiments.values() if e.kind is kind]


def figures_of(study: Resolved, kind: FigureKind) -> list[str]:
    """Return the names of the figures of a kind: of experiments, or its own of the whole study."""
    if kind.of_study:
        return [kind.name] if _tables_behind(study, kind) else []
    return [experiment.name for experiment in drawn_as(study, kind)]


def _places(kind: FigureKind, study: Resolved) -> list[Place]:
    return [{"experiment": name} for name in figures_of(study, kind)]


def _tables_behind(study: Resolved, kind: FigureKind) -> list[str]:
    return [path for table in kind.tables for path in tables_called(study, table).values()]


def table_path(study: Resolved, experiment: str, table: str) -> str:
    """Return the path of an experiment's table."""
    return paths.TABLE.format(study=study.study.study, experiment=experiment, table=table)


def tables(study: Resolved, experiment: ResolvedExperiment) -> list[str]:
    """Return the paths of an experiment's tables."""
    return [table_path(study, experiment.name, table) for table in experiment.kind.tables]


def tables_called(study: Resolved, table: str) -> dict[str, str]:
    """Return experiment → path of its table of this name, of those that have one."""
    return {
        name: table_path(study, name, table)
        for name, experiment in study.experiments.items()
        if table in experiment.kind.tables
    }


# What is measured of one model for a kind of figure, kept for all studies.


def _measured(kind: FigureKind, study: Resolved, place: Place) -> Spec:
    specs = (jobs.measurement_spec(study, experiment) for experiment in drawn_as(study, kind))
    known = {spec.digest(): spec for spec in specs}
    return study.find(known, place["set"], f"measurement of kind '{kind.name}'")


def _measurement_places(kind: FigureKind, study: Resolved) -> list[Place]:
    return [
        {"model": model, "set": jobs.measurement_spec(study, experiment).digest()}
        for experiment in drawn_as(study, kind)
        for model in experiment.settings.models
    ]


def _measured_masks(kind: FigureKind, study: Resolved, place: Place) -> list[str]:
    masks = getattr(_measured(kind, study, place), "masks", ())
    return [paths.MASK_MANIFEST.format(model=place["model"], mask=mask) for mask in masks]


def _measurement(kind: FigureKind, module: str) -> Stage:
    return Stage(
        name=f"{kind.name}_measurement",
        title="measurements",
        about="of a model as a whole, for figures: masks [compared](#similarity-of-masks), or its "
        "[weights](#distributions-of-weights)",
        outputs={
            "measurement": paths.MEASUREMENT.format(
                measurement=kind.name, model="{model}", set="{set}"
            )
        },
        places=partial(_measurement_places, kind),
        inputs={"checkpoint": checkpoint_of, "masks": partial(_measured_masks, kind)},
        spec=partial(_measured, kind),
        code=lambda study, place: (module,),
        told={"module": lambda study, place: module},
        check=check_files,
        message=f"Measurement for {kind.name} figures of {{wildcards.model}}",
        resources=Resources(minutes=60),
        record=f"{kind.name}/{{model}}/{{set}}",
    )


MEASUREMENTS = {
    kind.name: _measurement(kind, kind.measurement)
    for kind in FIGURE_KINDS.values()
    if kind.measurement is not None
}


# The tidy tables behind a figure.


def table_inputs(study: Resolved, place: Place) -> list[str]:
    """Return the artifacts that an experiment's tables are computed from.

    Of a search they are its rounds and their runs, as far as the results have them.
    """
    experiment = experiment_of(study, place)
    if experiment.kind.measurement is not None:
        return list(jobs.measurements(study, experiment).values())
    if experiment.kind.reads == "runs":
        found = [table for run in jobs.known_runs(study, experiment) for table in run.tables]
        rounds = [jobs.round_path(study, experiment, n) for n in _rounds(study, experiment)]
        return [*rounds, *found]
    return [
        path.format(model=model, mask=mask.name)
        for model, mask in jobs.masks(study, experiment)
        for path in (paths.MASK_MANIFEST, paths.CHECKPOINT_MANIFEST)
    ]


def _rounds(study: Resolved, experiment: ResolvedExperiment) -> range:
    """Return the rounds of an experiment's search that the results have, by number."""
    if experiment.settings.search is None:
        return range(0)
    return range(1, jobs.last_round(study, experiment).number + 1)


def metric_modules(study: Resolved, place: Place) -> list[str]:
    """Return the modules of the metrics of an experiment, or of the study: found by name."""
    experiment = study.experiments.get(place.get("experiment", ""))
    tasks = experiment.recipes if experiment else study.tasks
    return unique(module_of(study.tasks[task].metric) for task in tasks)


def _tables(kind: FigureKind) -> Stage:
    return Stage(
        name=f"{kind.name}_statistics",
        title="tables",
        about="the [tables](#tables-of-an-experiment) behind a figure",
        outputs={
            table: paths.TABLE.format(study="{study}", experiment="{experiment}", table=table)
            for table in kind.tables
        },
        places=partial(_places, kind),
        inputs={"artifacts": table_inputs},
        spec=lambda study, place: jobs.table_spec(study, experiment_of(study, place)),
        code=lambda study, place: (
            "essential_sparsity.figures.tables_stage",
            kind.statistics,
            *metric_modules(study, place),
        ),
        told={"kind": lambda study, place: kind.package},
        # Models and masks are shown in the study's order; runs have one of their own.
        ordered=kind.reads != "runs",
        check=check_files,
        message="Statistics of experiment {wildcards.experiment}",
        resources=Resources(4000),
        record=f"{paths.STUDY}/{{experiment}}/{kind.name}",
    )


TABLES = {kind.name: _tables(kind) for kind in EXPERIMENT_KINDS.values()}


# Sparsities and seeds that results decide: a round reads the runs that the one before it wants.


def _round_runs(study: Resolved, place: Place) -> list[str]:
    experiment, before = experiment_of(study, place), int(place["round"]) - 1
    wanted = jobs.searched_runs(study, experiment, jobs.last_round(study, experiment, before))
    return [table for run in wanted for table in run.tables]


def _round_before(study: Resolved, place: Place) -> list[str]:
    before = int(place["round"]) - 1
    return [jobs.round_path(study, experiment_of(study, place), before)] if before else []


def _round_places(study: Resolved) -> list[Place]:
    return [
        {"experiment": experiment.name, "round": str(number)}
        for experiment in jobs.searches(study)
        for number in _rounds(study, experiment)
    ]


SEARCH = Stage(
    name="search",
    title="rounds of searches",
    about="what a [search](search.md#how-it-decides) wants next, and why",
    outputs={"round": paths.SEARCH_ROUND},
    places=_round_places,
    inputs={"runs": _round_runs, "previous": _round_before},
    spec=lambda study, place: jobs.round_spec(study, experiment_of(study, place)),
    code=lambda study, place: ("essential_sparsity.search", *metric_modules(study, place)),
    told={"previous": flags("previous", _round_before)},
    check=check_files,
    message="Search of experiment {wildcards.experiment}, round {wildcards.round}",
    resources=Resources(4000),
    record=paths.SEARCH_ROUND,
)


# The figures.


def figure_spec(study: Resolved, place: Place) -> Spec:
    """Return the spec of an experiment's figure, or of the study's: the words on it."""
    name = place["experiment"]
    experiment = None if name in STUDY_KINDS else experiment_of(study, place)
    tasks = study.tasks if experiment is None else experiment.recipes
    return FigureSpec(
        # All of the study's, so that a model has one colour in all of its figures.
        models={name: entry.label for name, entry in study.models.items()},
        tasks={name: study.tasks[name].label for name in tasks},
        recipes={} if experiment else study.recipe_names,
        epsilon=(experiment.statistics if experiment else study.study.statistics).epsilon,
    )


def _figure_tables(study: Resolved, place: Place) -> list[str]:
    name = place["experiment"]
    if name in STUDY_KINDS:
        return _tables_behind(study, STUDY_KINDS[name])
    return tables(study, experiment_of(study, place))


def _figure(kind: FigureKind) -> Stage:
    return Stage(
        name=f"{kind.name}_figure",
        title="figures",
        about="a figure, and its [data](#figures); one of the whole study is called as its kind",
        outputs={
            end: paths.FIGURE.format(study="{study}", experiment="{experiment}", format=end)
            for end in FORMATS
        },
        places=partial(_places, kind),
        inputs={"tables": _figure_tables},
        spec=figure_spec,
        code=lambda study, place: (
            "essential_sparsity.figures.drawing_stage",
            kind.drawing,
            *metric_modules(study, place),
        ),
        told={
            "kind": lambda study, place: kind.package,
            "tables": lambda study, place: unique(
                os.path.dirname(table) for table in _figure_tables(study, place)
            ),
            "stem": lambda study, place: os.path.splitext(
                paths.FIGURE.format(study=study.study.study, format=FORMATS[0], **place)
            )[0],
        },
        check=check_figure,
        message="Figure {wildcards.experiment}",
        resources=Resources(minutes=10),
        record=paths.FIGURE.replace("{format}", kind.name),
    )


FIGURES = {kind.name: _figure(kind) for kind in FIGURE_KINDS.values()}
