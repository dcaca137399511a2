"""What artifacts and runs cost: bytes on the disk, memory, and time.

The time of a run is what it computes over an assumed throughput, or what like runs took. A forward
pass takes 2 floating-point operations for each weight and token, a backward pass twice that (Kaplan
et al., 2020, "Scaling laws for neural language models", §2.1). The weights that count are the
prunable ones: embeddings are looked up, heads see one token of an example, and what attention adds
is small at these lengths.
"""

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from essential_sparsity.estimate.sizes import Amount, Sizes, total
from essential_sparsity.runs.procedures.fine_tuning.spec import RecipeSpec
from essential_sparsity.stages import paths
from essential_sparsity.study.resolve import Resolved
from essential_sparsity.support.tables import read_table

Device = Literal["gpu", "cpu"]

# Model, task, and the recipe's identity in paths: runs that differ in mask and seed, not in cost.
Place = tuple[str, str, str]

# TFLOP/s that one of them sustains: assumptions, which the user can replace.
TFLOPS: dict[Device, float] = {"gpu": 40.0, "cpu": 0.07}
START_UP = 20.0

# A batch is padded to its longest text: how much longer that is than the mean, docs/planning.md.
_PADDING = 2.0

# As measured on tables of real tasks, which Parquet compresses: docs/planning.md.
_BYTES_A_TOKEN = 2
_BYTES_A_PREDICTION = 16
_BYTES_A_LOGIT = 4

# fp32 weights and AdamW's two moments; the old restart point goes when the new one is whole.
_BYTES_A_PARAMETER_TO_RESTART = 2 * 3 * 4

# Bytes of memory a parameter. A run holds weights, gradients and AdamW's two moments in fp32; a job
# that reads a checkpoint may hold a second copy of it while it converts.
_MEMORY = {"training": 4 * 4, "reading": 2 * 4}

# What Python and its libraries take, with a batch of a small model's activations beside them.
_LIBRARIES_MB = 2000
_LEAST_MB = 4000


def checkpoint_bytes(sizes: Sizes, model: str) -> Amount:
    """Return the size of a model's files."""
    return sizes.model(model, "megabytes") * 1e6


def mask_bytes(sizes: Sizes, model: str) -> Amount:
    """Return the size of a mask: a bit a prunable weight (docs/mask-format.md)."""
    return sizes.model(model, "prunable") * (1 / 8)


def task_bytes(sizes: Sizes, model: str, task: str, recipe: RecipeSpec) -> Amount:
    """Return the size of a task's data as `model` reads them: tokens, or pixels as uint8.

    All examples are kept, whatever number a recipe takes.
    """
    examples = sizes.task(task, "train") + sizes.task(task, "evaluation")
    if sizes.has_images(task):
        side = sizes.side(model, recipe)
        return examples * side * side * 3
    return examples * sizes.tokens(model, task, recipe) * _BYTES_A_TOKEN


def prediction_bytes(sizes: Sizes, task: str, recipe: RecipeSpec) -> Amount:
    """Return the size of a run's predictions."""
    _, examples = sizes.examples(task, recipe)
    return examples * (sizes.classes(task) * _BYTES_A_LOGIT + Amount(_BYTES_A_PREDICTION))


def restart_bytes(sizes: Sizes, model: str, recipe: RecipeSpec) -> Amount:
    """Return the size of what a run keeps while it is at work, so that it can be continued."""
    if recipe.epochs == 1:
        return Amount()
    return sizes.model(model, "parameters") * _BYTES_A_PARAMETER_TO_RESTART


def memory(sizes: Sizes, model: str, what: Literal["training", "reading"]) -> int:
    """Return the megabytes that a job asks for, by a model's size; of a GPU's memory it is none.

    Of a model whose size nothing tells yet, it asks for that of a small one. A job that was killed
    for its memory asks for more when it is tried again: see `retries` and `restart-times` of
    Snakemake.

    Args:
        sizes: of the study's models.
        model: the model.
        what: a run, or a ticket's round; or a job that reads, converts and writes a checkpoint.
    """
    parameters = sizes.model(model, "parameters").value
    return max(_LEAST_MB, _LIBRARIES_MB + round(parameters * _MEMORY[what] / 1e6))


@dataclass(frozen=True)
class Machine:
    """What runs are made on.

    Attributes:
        device: the kind of it.
        tflops: what a run sustains, in 10¹² floating-point operations a second.
        start_up: seconds a run takes beside its training: imports, reading, saving.
        at_once: how many runs are at work together: one a GPU, or one a core.
    """

    device: Device
    tflops: float
    start_up: float
    at_once: int


def run_seconds(
    study: Resolved, sizes: Sizes, machine: Machine, place: Place, most: int | None = None
) -> tuple[Amount, int]:
    """Return what a run takes, its start-up included, and how many runs tell it.

    Where the results have runs of this place that were made on the machine's kind of device, under
    whatever mask, the median of their `seconds` takes the place of the estimate.

    Args:
        study: the study.
        sizes: of its models and tasks.
        machine: what the runs are made on.
        place: their model, task and recipe.
        most: how many cached runs are looked at, None for all.

    Raises:
        UserError: the metrics of a cached run are damaged.
    """
    measured = list(islice(_measured_seconds(study, place, machine), most))
    if measured:
        training = Amount(statistics.median(measured))
    else:
        model, task, recipe = place
        operations = _run_operations(sizes, model, task, study.recipes[task, recipe])
        training = operations * (1 / (machine.tflops * 1e12))
    start_up = 0.0 if training.unknown else machine.start_up
    return training + Amount(start_up), len(measured)


def wall_time(runs: Mapping[Place, int], seconds: Mapping[Place, Amount], at_once: int) -> Amount:
    """Return the seconds that runs take, so many at work together: never less than the longest."""
    work = total(seconds[place] * count for place, count in runs.items())
    longest = max((seconds[place].value for place, count in runs.items() if count), default=0.0)
    return Amount(max(work.value / at_once, longest), work.unknown)


def _run_operations(sizes: Sizes, model: str, task: str, recipe: RecipeSpec) -> Amount:
    """Return a run's floating-point operations: training, and an evaluation after each epoch."""
    train, evaluation = sizes.examples(task, recipe)
    padding = 1.0 if recipe.group_by_length else _PADDING
    passes = train * sizes.tokens(model, task, recipe, padding) * 6
    # Evaluation takes the shortest first, and pads next to nothing.
    passes += evaluation * sizes.tokens(model, task, recipe) * 2
    return passes * sizes.model(model, "prunable") * recipe.epochs


def _measured_seconds(study: Resolved, place: Place, machine: Machine) -> Iterator[float]:
    model, task, recipe = place
    pattern = paths.METRICS.format(model=model, task=task, recipe=recipe, mask="*", seed="*")
    for file in study.results.glob(pattern):
        row = read_table(file, {"seconds", "device"}).slice(0, 1).to_pylist()[0]
        if (row["device"] == "cpu") == (machine.device == "cpu"):
            yield row["seconds"]
