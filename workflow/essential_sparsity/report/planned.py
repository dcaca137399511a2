"""From a resolved study to the specs of its report; read by the workflow's rules alone."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from essential_sparsity.masks.spec import MaskSpec
from essential_sparsity.report.spec import ExperimentRow, ProvenanceSpec, RecipeRow, ReportSpec
from essential_sparsity.stages.figures import tables
from essential_sparsity.study import jobs
from essential_sparsity.study.resolve import Resolved, ResolvedExperiment, unique

# So many sparsities are named one by one.
_LISTED = 12


def provenance_spec(study: Resolved) -> ProvenanceSpec:
    """Return the spec of what is collected about a study's artifacts."""
    places = unique((run.model, run.task, run.recipe) for run in jobs.runs(study))
    experiments = study.experiments.values()
    measured = (path for e in experiments for path in jobs.measurements(study, e).values())
    return ProvenanceSpec(
        study=study.study.study,
        models=tuple(study.models),
        task_data=tuple(unique(jobs.task_data(study, *place) for place in places)),
        measurements=tuple(unique(measured)),
        # An experiment's first table names its runs, if it has any.
        tables=tuple(tables(study, e)[0] for e in experiments),
    )


def report_spec(study: Resolved) -> ReportSpec:
    """Return the spec of a study's report.

    A file outside the repository is named without its folder, which is nobody's matter.
    """
    used = unique((run.task, run.recipe) for run in jobs.runs(study))
    outside = {file: Path(file).name for file in study.files if Path(file).parts[0] == os.pardir}
    document = study.study.document()
    return ReportSpec(
        study=study.study.study,
        files=tuple(outside.get(file, file) for file in study.files),
        outside=tuple(outside.values()),
        models={name: entry.label for name, entry in study.models.items()},
        tasks={name: entry.label for name, entry in study.tasks.items()},
        recipes=tuple(_recipe(study, task, recipe) for task, recipe in used),
        experiments=tuple(_experiment(e) for e in study.experiments.values()),
        configuration=yaml.safe_dump(
            document, sort_keys=False, allow_unicode=True, default_flow_style=None
        ),
    )


def _recipe(study: Resolved, task: str, identity: str) -> RecipeRow:
    entry, recipe = study.tasks[task], study.recipes[task, identity]
    always = ("epochs", "batch_size", "learning_rate", *entry.examples.preprocessing)
    settings = {key: getattr(recipe, key) for key in always} | recipe.document()
    return RecipeRow(task=task, recipe=identity, metric=entry.metric, settings=settings)


def _experiment(experiment: ResolvedExperiment) -> ExperimentRow:
    settings = experiment.settings
    return ExperimentRow(
        name=experiment.name,
        figure=settings.figure,
        models=settings.models,
        controls=settings.controls,
        tasks=settings.tasks,
        masks=tuple(_mask_words(experiment.masks)),
        searched=settings.search is not None,
        seeds=settings.seeds if experiment.kind.reads == "runs" else (),
        seeds_of=settings.seeds_of,
    )


def _mask_words(masks: Sequence[MaskSpec]) -> Iterator[str]:
    """Yield a text a family: its name in words, and the patterns or sparsities of its masks."""
    families: dict[str, list[str]] = {}
    for mask in masks:
        label = mask.label()
        amounts = families.setdefault(label.label, [])
        if label.pattern is not None:
            amounts.append(label.pattern)
        elif label.sparsity:
            amounts.append(f"{100 * label.sparsity:g} %")
    for family, amounts in families.items():
        listed = ", ".join(amounts)
        if len(amounts) > _LISTED:
            listed = f"{len(amounts)} from {amounts[0]} to {amounts[-1]}"
        yield f"{family}: {listed}" if amounts else family
