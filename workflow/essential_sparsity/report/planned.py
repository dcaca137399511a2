"""From a study's plan to the specs of its report; read by the workflow's rules alone."""

import os
from collections.abc import Sequence
from pathlib import Path

import yaml

from essential_sparsity.figures.kinds import FIGURE_KINDS
from essential_sparsity.masks.spec import MaskSpec
from essential_sparsity.report.spec import ExperimentRow, ProvenanceSpec, RecipeRow, ReportSpec
from essential_sparsity.study.document import Experiment
from essential_sparsity.study.plan import Plan

# So many sparsities are named one by one.
_LISTED = 12


def provenance_spec(plan: Plan) -> ProvenanceSpec:
    """Return the spec of what is collected about a study's artifacts."""
    places = dict.fromkeys((run.model, run.task, run.recipe) for run in plan.all_runs)
    return ProvenanceSpec(
        study=plan.study.study,
        models=tuple(plan.models),
        task_data=tuple(dict.fromkeys(plan.task_data(*place) for place in places)),
        experiments={e.name: e.figure for e in plan.study.experiments},
    )


def report_spec(plan: Plan, files: Sequence[Path], root: Path) -> ReportSpec:
    """Return the spec of a study's report.

    Args:
        plan: the study's plan.
        files: its files; one outside `root` is named without its folder, which is nobody's matter.
        root: the repository's root.
    """
    used = dict.fromkeys((run.task, run.recipe) for run in plan.all_runs)
    return ReportSpec(
        study=plan.study.study,
        files=tuple(_shown(file, root) for file in files),
        outside=tuple(file.name for file in files if _is_outside(file, root)),
        models={name: entry.label for name, entry in plan.models.items()},
        tasks={name: entry.label for name, entry in plan.tasks.items()},
        recipes=tuple(_recipe(plan, task, recipe) for task, recipe in used),
        experiments=tuple(_experiment(plan, e) for e in plan.study.experiments),
        configuration=_as_yaml(plan),
    )


def _shown(file: Path, root: Path) -> str:
    return file.name if _is_outside(file, root) else os.path.relpath(file, root)


def _is_outside(file: Path, root: Path) -> bool:
    return Path(os.path.relpath(file, root)).parts[0] == ".."


def _as_yaml(plan: Plan) -> str:
    document = plan.study.document()
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, default_flow_style=None)


def _recipe(plan: Plan, task: str, identity: str) -> RecipeRow:
    entry, recipe = plan.tasks[task], plan.recipe(task, identity)
    always = ("epochs", "batch_size", "learning_rate", *entry.examples.preprocessing)
    settings = {key: getattr(recipe, key) for key in always} | recipe.document()
    return RecipeRow(task=task, recipe=identity, metric=entry.metric, settings=settings)


def _experiment(plan: Plan, experiment: Experiment) -> ExperimentRow:
    reads_runs = FIGURE_KINDS[experiment.figure].reads == "runs"
    return ExperimentRow(
        name=experiment.name,
        figure=experiment.figure,
        models=experiment.models,
        controls=experiment.controls,
        tasks=experiment.tasks,
        masks=tuple(_mask_words(plan.figure_masks(experiment))),
        searched=experiment.search is not None,
        seeds=experiment.seeds if reads_runs else (),
        seeds_of=experiment.seeds_of,
    )


def _mask_words(masks: Sequence[MaskSpec]) -> list[str]:
    """Return a text a family: its name in words, and the patterns or sparsities of its masks."""
    families: dict[str, list[str]] = {}
    for mask in masks:
        label = mask.label()
        amounts = families.setdefault(label.label, [])
        if label.pattern is not None:
            amounts.append(label.pattern)
        elif label.sparsity:
            amounts.append(f"{100 * label.sparsity:g} %")
    return [
        f"{family}: {_amounts(amounts)}" if amounts else family
        for family, amounts in families.items()
    ]


def _amounts(amounts: list[str]) -> str:
    if len(amounts) > _LISTED:
        return f"{len(amounts)} from {amounts[0]} to {amounts[-1]}"
    return ", ".join(amounts)
