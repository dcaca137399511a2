"""The stages that train: runs, and the first steps that tickets are rewound to."""

from dataclasses import asdict

from essential_sparsity.estimate import cost
from essential_sparsity.masks.trained import Trained
from essential_sparsity.runs import heads, procedures
from essential_sparsity.runs.procedures.fine_tuning.spec import RunSpec
from essential_sparsity.stages import paths
from essential_sparsity.stages.checks import check_files
from essential_sparsity.stages.sources import architecture_code, checkpoint_of
from essential_sparsity.stages.stage import Place, Resources, Stage, flags
from essential_sparsity.study import jobs
from essential_sparsity.study.resolve import Resolved, unique


def run_spec(study: Resolved, task: str, recipe: str, seed: int) -> RunSpec:
    """Return the spec of a run, or of a training like it."""
    study.find(study.tasks, task, "task")
    return RunSpec(recipe=jobs.recipe_of(study, task, recipe), seed=seed)


def scored_by(study: Resolved, task: str) -> str:
    """Return the metrics by which the runs on a task are scored, which are no part of their key."""
    entry = study.find(study.tasks, task, "task")
    return ",".join((entry.metric, *entry.also))


def start_of(study: Resolved, place: Place) -> list[str]:
    """Return the file of the weights from which runs under a mask start, if they are rewound."""
    spec = study.find(study.masks, place["mask"], "mask")
    if not isinstance(spec, Trained) or not spec.rewind_step:
        return []
    names = {"task": spec.task, "recipe": spec.recipe, "seed": spec.seed}
    return [paths.REWIND.format(model=place["model"], step=spec.rewind_step, **names)]


def _head(study: Resolved, place: Place) -> str:
    entry = study.find(study.tasks, place["task"], "task")
    return heads.module_of(entry.examples.kind)


def _task(study: Resolved, place: Place) -> str:
    return jobs.task_data(study, place["model"], place["task"], place["recipe"])


def _spec_of(study: Resolved, place: Place) -> RunSpec:
    return run_spec(study, place["task"], place["recipe"], int(place["seed"]))


RUN = Stage(
    name="run",
    title="runs",
    about="one fine-tuning: [two tables](#a-run), and how far it moved each matrix",
    outputs={
        "metrics": paths.METRICS,
        "predictions": paths.PREDICTIONS,
        "movement": paths.MOVEMENT,
    },
    places=lambda study: [
        {key: str(value) for key, value in asdict(run).items()} for run in jobs.known_runs(study)
    ],
    inputs={
        "checkpoint": checkpoint_of,
        "task": _task,
        "mask": lambda study, place: paths.MASK.format(**place),
        "manifest": lambda study, place: paths.MASK_MANIFEST.format(**place),
        "start": start_of,
    },
    spec=_spec_of,
    code=lambda study, place: (
        "essential_sparsity.runs",
        _head(study, place),
        *procedures.code_of(study.recipes[place["task"], place["recipe"]].procedure),
        *architecture_code(study, place),
    ),
    told={
        "start": flags("start", start_of),
        "score": lambda study, place: scored_by(study, place["task"]),
    },
    check=check_files,
    message="Run {wildcards.model} on {wildcards.task}, {wildcards.mask}, seed {wildcards.seed}",
    environment="torch",
    resources=Resources("training", minutes=240, gpu=True),
    record=paths.RUN,
    size=lambda sizes, study, place: cost.prediction_bytes(
        sizes, place["task"], study.recipes[place["task"], place["recipe"]]
    ),
)


def _rewinds(study: Resolved) -> list[Place]:
    """Return the weights that the study's tickets are rewound to."""
    found = [
        {
            **{"model": model, "task": str(mask.task), "recipe": str(mask.recipe)},
            **{"step": str(mask.rewind_step), "seed": str(mask.seed)},
        }
        for model, mask in jobs.masks(study)
        if isinstance(mask, Trained) and mask.rewind_step
    ]
    return [dict(place) for place in unique(tuple(place.items()) for place in found)]


REWIND = Stage(
    name="rewind",
    title="rewound weights",
    about="weights after a few steps of a dense fine-tuning, to which tickets are rewound",
    outputs={"weights": paths.REWIND},
    places=_rewinds,
    inputs={
        "checkpoint": checkpoint_of,
        "task": _task,
        "mask": lambda study, place: [paths.MASK.format(model=place["model"], mask="dense")],
    },
    spec=_spec_of,
    code=lambda study, place: (
        "essential_sparsity.tickets.rewind",
        "essential_sparsity.runs",
        _head(study, place),
        *procedures.code_of(procedures.DEFAULT),
        *architecture_code(study, place),
    ),
    check=check_files,
    message="Weights of {wildcards.model} after {wildcards.step} steps on {wildcards.task}",
    environment="torch",
    resources=Resources("training", minutes=120, gpu=True),
    record=paths.REWIND,
)
