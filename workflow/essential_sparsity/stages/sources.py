"""The stages that bring in what comes from elsewhere: checkpoints and task data."""

import contextlib
import os

from essential_sparsity.architectures import modules_of
from essential_sparsity.checkpoints.spec import FolderSource
from essential_sparsity.estimate import cost
from essential_sparsity.estimate.sizes import Amount, Sizes
from essential_sparsity.stages import paths
from essential_sparsity.stages.checks import check_checkpoint, check_task
from essential_sparsity.stages.stage import Place, Resources, Stage, flags
from essential_sparsity.study import jobs
from essential_sparsity.study.resolve import Resolved, unique
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import read_json
from essential_sparsity.support.spec import Spec
from essential_sparsity.tasks.examples import module_of
from essential_sparsity.tasks.source import SOURCES
from essential_sparsity.tasks.spec import LocalFiles


def architecture_code(study: Resolved, place: Place) -> list[str]:
    """Return the module of the architecture of a job's model: by its entry, or its own folder.

    Of a folder that is not there today (a disk that is not mounted) the checkpoint made from it
    still knows.
    """
    model = place["model"]
    model = study.find(study.models, model, "model").base or model
    entry = study.models[model]
    if entry.architecture is not None:
        return modules_of(entry.architecture)
    made = paths.CHECKPOINT_MANIFEST.format(model=model)
    for source in entry.sources:
        if isinstance(source, FolderSource):
            config = study.results / study.root / source.path / "config.json"
            for file, key in ((config, "model_type"), (study.results / made, "architecture")):
                with contextlib.suppress(UserError):
                    return modules_of(read_json(file, "configuration").get(key))
    return []


def checkpoint_of(study: Resolved, place: Place) -> str:
    """Return the manifest of the checkpoint of a job's model."""
    return paths.CHECKPOINT_MANIFEST.format(model=place["model"])


def _checkpoint_spec(study: Resolved, place: Place) -> Spec:
    entry = study.find(study.models, place["model"], "model")
    return entry.checkpoint_spec().below(study.root)


def _base(study: Resolved, place: Place) -> list[str]:
    """Return the manifest of the checkpoint on which a random start is built, if it is one."""
    base = study.find(study.models, place["model"], "model").base
    return [paths.CHECKPOINT_MANIFEST.format(model=base)] if base else []


def _folders(study: Resolved, place: Place) -> list[str]:
    entry = study.find(study.models, place["model"], "model")
    sources = entry.checkpoint_spec().below(study.root).sources
    return [source.path for source in sources if isinstance(source, FolderSource)]


CHECKPOINT = Stage(
    name="checkpoint",
    title="checkpoints",
    about="weights and tokenizer, from the first source that yields the pinned bytes, and "
    "[`checkpoint.json`](#checkpointjson)",
    outputs={"manifest": paths.CHECKPOINT_MANIFEST},
    places=lambda study: [{"model": model} for model in study.models],
    inputs={"base": _base},
    spec=_checkpoint_spec,
    code=lambda study, place: (
        "essential_sparsity.checkpoints",
        *architecture_code(study, place),
    ),
    told={"base": flags("base", lambda study, place: map(os.path.dirname, _base(study, place)))},
    files=_folders,
    check=check_checkpoint,
    whole_folder=True,
    message="Checkpoint {wildcards.model}",
    environment="torch",
    resources=Resources("reading", minutes=120),
    record=paths.CHECKPOINT,
    size=lambda sizes, study, place: cost.checkpoint_bytes(sizes, place["model"]),
    remote=True,
)


def _task_places(study: Resolved) -> list[Place]:
    runs = [*jobs.runs(study), *jobs.trainings(study)]
    asked = unique((run.model, run.task, run.recipe) for run in runs)
    found = unique(
        (task, jobs.preprocessor_of(study, m, task, recipe)) for m, task, recipe in asked
    )
    return [{"task": task, "preprocessor": preprocessor} for task, preprocessor in found]


def _task_spec(study: Resolved, place: Place) -> Spec:
    _, recipe = study.find(study.preprocessors, place["preprocessor"], "preprocessor")
    return study.find(study.tasks, place["task"], "task").data_spec(recipe).below(study.root)


def _task_code(study: Resolved, place: Place) -> tuple[str, ...]:
    """Return the stage, the source that the data come from, and the kind of the examples."""
    entry = study.find(study.tasks, place["task"], "task")
    kind = module_of(entry.examples.kind)
    return "essential_sparsity.tasks", SOURCES[entry.data.kind], kind


def _task_files(study: Resolved, place: Place) -> list[str]:
    entry = study.find(study.tasks, place["task"], "task")
    recipe = next(iter(entry.recipes.values()))
    data = entry.data_spec(recipe).below(study.root).data
    return [data.train, data.evaluation] if isinstance(data, LocalFiles) else []


def _preprocessor(study: Resolved, place: Place) -> str:
    model, _ = study.find(study.preprocessors, place["preprocessor"], "preprocessor")
    return paths.CHECKPOINT_MANIFEST.format(model=model)


def _task_size(sizes: Sizes, study: Resolved, place: Place) -> Amount:
    model, recipe = study.preprocessors[place["preprocessor"]]
    return cost.task_bytes(sizes, model, place["task"], recipe)


TASK = Stage(
    name="task",
    title="task data",
    about="examples, made ready once: tokens of a tokenizer, or pixels of an image processor; and "
    "[`task.json`](#taskjson-and-the-examples)",
    outputs={"manifest": paths.TASK_MANIFEST},
    places=_task_places,
    inputs={"checkpoint": _preprocessor},
    spec=_task_spec,
    code=_task_code,
    files=_task_files,
    check=check_task,
    whole_folder=True,
    message="Task data {wildcards.task} for {wildcards.preprocessor}",
    environment="torch",
    resources=Resources(4000, minutes=60),
    record=paths.TASK,
    size=_task_size,
    remote=True,
)
