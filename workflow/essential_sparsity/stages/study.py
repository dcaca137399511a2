"""The stages of a study as a whole: verdicts, tidy tables, summary, provenance, report."""

import os

from essential_sparsity.claims.check import ModelFacts, TrainedMask
from essential_sparsity.claims.claim import ClaimsSpec
from essential_sparsity.figures.kinds import EXPERIMENT_KINDS, STUDY_KINDS
from essential_sparsity.masks.trained import Trained
from essential_sparsity.report.planned import provenance_spec, report_spec
from essential_sparsity.stages import paths
from essential_sparsity.stages.checks import check_files
from essential_sparsity.stages.figures import (
    FORMATS,
    drawn_as,
    figures_of,
    metric_modules,
    table_path,
    tables,
    tables_called,
)
from essential_sparsity.stages.stage import Place, Resources, Stage
from essential_sparsity.study.resolve import Resolved, recipe_id
from essential_sparsity.tidy.spec import TidySpec

# The recipes that are the paper's bear this name in the catalog.
_PAPERS_RECIPE = "paper"


def all_tables(study: Resolved) -> list[str]:
    """Return the paths of all experiments' tables."""
    return [path for experiment in study.experiments.values() for path in tables(study, experiment)]


def all_figures(study: Resolved) -> list[str]:
    """Return the paths of all figures, experiment by experiment; those of the study come last."""
    of_study = (name for kind in STUDY_KINDS.values() for name in figures_of(study, kind))
    names = [*study.experiments, *of_study]
    return [
        paths.FIGURE.format(study=study.study.study, experiment=name, format=end)
        for name in names
        for end in FORMATS
    ]


def _once(study: Resolved) -> list[Place]:
    return [{}]


def claims_spec(study: Resolved) -> ClaimsSpec:
    """Return the claims for whose test one of the study's experiments has a table."""
    has = {name: experiment.kind.tables for name, experiment in study.experiments.items()}
    there = {table for names in has.values() for table in names}
    claims = {n: claim for n, claim in study.claims.items() if set(claim.test.tables) <= there}
    read = {table for claim in claims.values() for table in claim.test.tables}
    entries = {name: e for name, e in study.models.items() if e.base is None}
    papers = {t: e.recipes.get(_PAPERS_RECIPE) for t, e in study.tasks.items()}
    return ClaimsSpec(
        claims=claims,
        experiments={name: [t for t in names if t in read] for name, names in has.items()},
        figures={n: k.tables for n, k in EXPERIMENT_KINDS.items() if read & set(k.tables)},
        models={n: ModelFacts(label=e.label, traits=e.traits) for n, e in entries.items()},
        tasks={name: entry.label for name, entry in study.tasks.items()},
        recipes={t: recipe_id(_PAPERS_RECIPE, r) for t, r in papers.items() if r is not None},
        named=study.recipe_names,
        trained={
            mask.name: TrainedMask(
                task=mask.task,
                recipe=mask.recipe,
                seed=mask.seed,
                plain=not mask.training_options(),
            )
            for experiment in drawn_as(study, EXPERIMENT_KINDS["similarity"])
            for mask in experiment.masks
            if isinstance(mask, Trained)
        },
        epsilon=study.study.statistics.epsilon,
        confidence=study.study.statistics.confidence,
    )


def _claims_tables(study: Resolved, place: Place) -> list[str]:
    return [
        table_path(study, experiment, table)
        for experiment, names in claims_spec(study).experiments.items()
        for table in names
    ]


CLAIMS = Stage(
    name="claims",
    title="verdicts",
    about="[verdicts](claims.md) on the paper's claims",
    outputs={"claims": paths.CLAIMS},
    places=_once,
    inputs={"tables": _claims_tables},
    spec=lambda study, place: claims_spec(study),
    code=lambda study, place: ("essential_sparsity.claims",),
    check=check_files,
    message="Claims of the paper, tested on the study's tables",
    resources=Resources(1000, minutes=10),
    record=f"{paths.STUDY}/claims",
)


TIDY = Stage(
    name="tidy",
    title="tidy tables",
    about="[all runs](#all-runs-of-a-study) and what they answered, for analyses of your own",
    outputs={"runs": paths.ALL_RUNS, "predictions": paths.ALL_PREDICTIONS},
    places=lambda study: [{}] if tables_called(study, "runs") else [],
    inputs={"runs": lambda study, place: list(tables_called(study, "runs").values())},
    spec=lambda study, place: TidySpec(
        study=study.study.study, experiments=tuple(tables_called(study, "runs"))
    ),
    code=lambda study, place: ("essential_sparsity.tidy",),
    check=check_files,
    message="All runs of the study, and their predictions",
    resources=Resources(minutes=60),
    record=f"{paths.STUDY}/tidy",
)


SUMMARY = Stage(
    name="summary",
    title="summaries",
    about="the table that `make study` prints at its end",
    outputs={"summary": paths.SUMMARY},
    places=_once,
    inputs={
        "tables": lambda study, place: all_tables(study),
        "claims": lambda study, place: CLAIMS.targets(study)[0],
    },
    spec=None,
    code=lambda study, place: (
        "essential_sparsity.report.summary",
        *metric_modules(study, place),
    ),
    told={
        "tables": lambda study, place: sorted({*map(os.path.dirname, all_tables(study))}),
        "figures": lambda study, place: [f for f in all_figures(study) if f.endswith(".png")],
        "root": lambda study, place: f"{os.path.relpath(os.curdir, study.root)}/",
    },
    check=None,
    message="Summary of the study",
    resources=Resources(1000, minutes=10),
    record=f"{paths.STUDY}/summary",
)


PROVENANCE = Stage(
    name="provenance",
    title="provenance",
    about="[what was run](#provenancejson), on what, and how long it took",
    outputs={"provenance": paths.PROVENANCE},
    places=_once,
    inputs={
        "figures": lambda study, place: all_figures(study),
        "summary": lambda study, place: SUMMARY.targets(study),
        "tidy": lambda study, place: TIDY.targets(study),
    },
    spec=lambda study, place: provenance_spec(study),
    code=lambda study, place: ("essential_sparsity.report.provenance",),
    check=check_files,
    message="What was run, on what, and how long it took",
    resources=Resources(1000),
    record=f"{paths.STUDY}/provenance",
)


REPORT = Stage(
    name="report",
    title="reports",
    about="the [report](#the-report): everything on one page",
    outputs={"report": paths.REPORT},
    places=_once,
    inputs={
        "figures": lambda study, place: all_figures(study),
        "tables": lambda study, place: all_tables(study),
        "claims": lambda study, place: CLAIMS.targets(study)[0],
        "provenance": lambda study, place: PROVENANCE.targets(study),
    },
    spec=lambda study, place: report_spec(study),
    code=lambda study, place: ("essential_sparsity.report", *metric_modules(study, place)),
    check=None,
    message="Report of the study",
    resources=Resources(1000, minutes=10),
    record=f"{paths.STUDY}/report",
)
