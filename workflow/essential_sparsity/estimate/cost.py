"""The time of a run: what it computes over an assumed throughput, or what like runs took.

A forward pass takes 2 floating-point operations for each weight and token, a backward pass twice
that (Kaplan et al., 2020, "Scaling laws for neural language models", §2.1). The weights that count
are the prunable ones: embeddings are looked up, heads see one token of an example, and what
attention adds is small at these lengths.
"""

from dataclasses import dataclass
from typing import Literal

from essential_sparsity.estimate.amount import Amount
from essential_sparsity.estimate.sizes import Sizes
from essential_sparsity.runs.procedures.fine_tuning.spec import RecipeSpec

Device = Literal["gpu", "cpu"]

# TFLOP/s that one of them sustains: assumptions, which the user can replace.
TFLOPS: dict[Device, float] = {"gpu": 40.0, "cpu": 0.07}
START_UP = 20.0

# A batch is padded to its longest text: how much longer that is than the mean, docs/planning.md.
PADDING = 2.0


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


def run_operations(sizes: Sizes, model: str, task: str, recipe: RecipeSpec) -> Amount:
    """Return a run's floating-point operations: training, and an evaluation after each epoch."""
    train, evaluation = sizes.examples(task, recipe)
    padding = 1.0 if recipe.group_by_length else PADDING
    passes = train * sizes.tokens(model, task, recipe, padding) * 6
    # Evaluation takes the shortest first, and pads next to nothing.
    passes += evaluation * sizes.tokens(model, task, recipe) * 2
    return passes * sizes.model(model, "prunable") * recipe.epochs


def estimated_seconds(operations: Amount, machine: Machine) -> Amount:
    """Return the seconds of a run, start-up left out."""
    return operations * (1 / (machine.tflops * 1e12))
