"""The bytes of artifacts."""

from essential_sparsity.estimate.amount import Amount
from essential_sparsity.estimate.sizes import Sizes
from essential_sparsity.runs.procedures.fine_tuning.spec import RecipeSpec

# As measured on tables of real tasks, which Parquet compresses: docs/planning.md.
_BYTES_A_TOKEN = 2
_BYTES_A_PREDICTION = 16
_BYTES_A_LOGIT = 4

# fp32 weights and AdamW's two moments; the old restart point goes when the new one is whole.
_BYTES_A_PARAMETER_TO_RESTART = 2 * 3 * 4


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
    an_example = sizes.classes(task) * _BYTES_A_LOGIT + Amount(_BYTES_A_PREDICTION)
    return examples * an_example


def restart_bytes(sizes: Sizes, model: str, recipe: RecipeSpec) -> Amount:
    """Return the size of what a run keeps while it is at work, so that it can be continued."""
    if recipe.epochs == 1:
        return Amount(0)
    return sizes.model(model, "parameters") * _BYTES_A_PARAMETER_TO_RESTART
