"""The stages between a checkpoint and its masks."""

import os

from essential_sparsity.estimate import cost
from essential_sparsity.masks.criterion import Ranking
from essential_sparsity.masks.registry import module_of
from essential_sparsity.masks.spec import MaskSpec
from essential_sparsity.masks.trained import Trained
from essential_sparsity.runs import heads
from essential_sparsity.stages import paths, runs
from essential_sparsity.stages.checks import check_files, check_mask
from essential_sparsity.stages.runs import RUN, run_spec, start_of
from essential_sparsity.stages.sources import architecture_code, checkpoint_of
from essential_sparsity.stages.stage import Place, Resources, Stage, flags
from essential_sparsity.study import jobs
from essential_sparsity.study.resolve import Resolved, unique
from essential_sparsity.support.spec import Spec
from essential_sparsity.tickets.spec import TrainingSpec

HISTOGRAM = Stage(
    name="histogram",
    title="histograms",
    about="how many weights have which magnitude, from which all cuts follow: see [masks](#masks)",
    outputs={"histogram": paths.HISTOGRAM},
    places=lambda study: [
        {"model": model}
        for model in unique(
            place["model"] for place in _mask_places(study) if _histogram(study, place)
        )
    ],
    inputs={"checkpoint": checkpoint_of},
    spec=None,
    code=lambda study, place: ("essential_sparsity.masks.histogram",),
    check=check_files,
    message="Histogram of {wildcards.model}'s magnitudes",
    record=paths.HISTOGRAM_RECORD,
)


def _spec(study: Resolved, place: Place) -> MaskSpec:
    return study.find(study.masks, place["mask"], "mask").below(study.root)


def _mask_places(study: Resolved) -> list[Place]:
    return [{"model": model, "mask": mask.name} for model, mask in jobs.masks(study)]


def _histogram(study: Resolved, place: Place) -> list[str]:
    spec = _spec(study, place)
    # Group by group, or row by row, nothing is counted.
    by_group = getattr(spec, "pattern", None) or getattr(spec, "scope", None) == "row"
    uses = isinstance(spec, Ranking) and spec.uses_histogram and not by_group
    return [paths.HISTOGRAM.format(model=place["model"])] if uses else []


def _others(study: Resolved, place: Place) -> list[str]:
    names = _spec(study, place).references()
    return [paths.MASK_MANIFEST.format(model=place["model"], mask=name) for name in names]


def mask_files(study: Resolved, place: Place) -> dict[str, str]:
    """Return role → file that a mask is made from besides checkpoint and masks."""
    files = _spec(study, place).files()
    return {role: path.format(model=place["model"]) for role, path in files.items()}


def _is_outside(path: str) -> bool:
    """Tell whether a path, as seen from the results folder, leads out of it."""
    return os.path.isabs(path) or os.path.normpath(path).startswith(os.pardir)


def _arguments(study: Resolved, place: Place) -> list[str]:
    """Return the stage's arguments for what a mask is made from besides the checkpoint."""
    model, masks = place["model"], _spec(study, place).references()
    named = {
        "--histogram": _histogram(study, place),
        "--mask": [f"{m}={paths.MASK.format(model=model, mask=m)}" for m in masks],
        "--file": [f"{role}={path}" for role, path in mask_files(study, place).items()],
    }
    return [argument for key, values in named.items() for v in values for argument in (key, v)]


def is_untrained(study: Resolved, mask: str) -> bool:
    """Tell whether a mask follows from its checkpoint, and masks that do: from no run."""
    spec = study.find(study.masks, mask, "mask")
    made = isinstance(spec, Trained) or bool(spec.files())
    return not made and all(is_untrained(study, name) for name in spec.references())


MASK = Stage(
    name="mask",
    title="masks",
    about="which weights are kept, a bit each: a [mask](#masks), and its manifest",
    outputs={"mask": paths.MASK, "manifest": paths.MASK_MANIFEST},
    places=_mask_places,
    inputs={
        "checkpoint": checkpoint_of,
        "histogram": _histogram,
        "masks": _others,
        "made": lambda study, place: [
            path for path in mask_files(study, place).values() if not _is_outside(path)
        ],
    },
    spec=_spec,
    code=lambda study, place: (
        "essential_sparsity.masks",
        module_of(_spec(study, place).criterion),
        *architecture_code(study, place),
    ),
    told={"others": _arguments},
    files=lambda study, place: [p for p in mask_files(study, place).values() if _is_outside(p)],
    check=check_mask,
    message="Mask {wildcards.mask} of {wildcards.model}",
    resources=Resources(minutes=10),
    record=paths.MASK_RECORD,
    size=lambda sizes, study, place: cost.mask_bytes(sizes, place["model"]),
)


def training(study: Resolved, mask: str) -> Trained:
    """Return a mask that training finds.

    Raises:
        UserError: the study has no such mask.
    """
    known = {name: spec for name, spec in study.masks.items() if isinstance(spec, Trained)}
    return study.find(known, mask, "trained mask")


def _training_task(study: Resolved, place: Place) -> str:
    spec = training(study, place["mask"])
    return jobs.task_data(study, place["model"], str(spec.task), str(spec.recipe))


def _begun(study: Resolved, place: Place, pattern: str) -> str:
    """Return `pattern` of the mask with which a training begins."""
    return pattern.format(model=place["model"], mask=training(study, place["mask"]).previous().name)


def _training_start(study: Resolved, place: Place) -> list[str]:
    kept = [_begun(study, place, paths.HEAD)] if training(study, place["mask"]).keeps_head() else []
    return [*start_of(study, place), *kept]


def _training_spec(study: Resolved, place: Place) -> Spec:
    spec = training(study, place["mask"])
    run = run_spec(study, str(spec.task), str(spec.recipe), spec.seed or 0)
    return TrainingSpec(mask=spec.document(), run=run)


def _scored_by(study: Resolved, place: Place) -> str:
    return runs.scored_by(study, str(training(study, place["mask"]).task))


def _training_code(study: Resolved, place: Place) -> tuple[str, ...]:
    spec = training(study, place["mask"])
    kind = study.tasks[str(spec.task)].examples.kind
    own = module_of(spec.criterion), heads.module_of(kind)
    return "essential_sparsity.tickets", *own, *architecture_code(study, place)


def _record(study: Resolved, place: Place) -> str:
    return os.path.dirname(paths.TRAINING_METRICS.format(**place))


TICKET = Stage(
    name="ticket",
    title="ticket trainings",
    about="a mask that [training finds](#masks-that-training-finds), with evaluations and head",
    outputs={
        "mask": paths.MASK,
        "manifest": paths.MASK_MANIFEST,
        "metrics": paths.TRAINING_METRICS,
        "head": paths.HEAD,
    },
    places=lambda study: [{"model": run.model, "mask": run.mask} for run in jobs.trainings(study)],
    inputs={
        "checkpoint": checkpoint_of,
        "task": _training_task,
        "mask": lambda study, place: _begun(study, place, paths.MASK),
        "manifest": lambda study, place: _begun(study, place, paths.MASK_MANIFEST),
        "start": _training_start,
    },
    spec=_training_spec,
    code=_training_code,
    told={"start": flags("start", _training_start), "score": _scored_by, "record": _record},
    check=check_files,
    message="Ticket {wildcards.mask} of {wildcards.model}",
    environment="torch",
    resources=RUN.resources,
    record=paths.MASK_RECORD,
)
