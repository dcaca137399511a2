"""How a model is fine-tuned: the recipe, and the run that a recipe and a seed make."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, SerializeAsAny, ValidationError, WrapValidator
from pydantic_core.core_schema import ValidatorFunctionWrapHandler

from essential_sparsity.runs.procedures import DEFAULT, known_recipes
from essential_sparsity.support.spec import Spec
from essential_sparsity.support.validation import explain, unknown


class RecipeSpec(Spec):
    """A fine-tuning recipe (paper, Table 1); defaults are what all of the paper's recipes share."""

    procedure: str = Field(
        default=DEFAULT,
        description="what is done with the model; [another one](extending.md#a-procedure) may have "
        "keys of its own",
    )
    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1, description="examples an optimiser step")
    learning_rate: float = Field(gt=0, description="AdamW's, decayed linearly to 0, no warm-up")
    adam_epsilon: float = Field(default=1e-8, gt=0, description="the paper's 'decay α'")
    weight_decay: float = Field(default=0.0, ge=0)
    max_gradient_norm: float = Field(default=1.0, gt=0)
    max_length: int = Field(default=128, ge=4, description="texts: tokens kept of an example")
    stride: int = Field(
        default=128, ge=0, description="questions: tokens that windows of a context share"
    )
    image_size: int | None = Field(
        default=None,
        ge=1,
        description="images: height and width in pixels, None for the processor's own",
    )
    train_examples: int | None = Field(
        default=None, ge=1, description="use only this many training examples (a fixed sample)"
    )
    evaluation_examples: int | None = Field(
        default=None, ge=1, description="use only this many evaluation examples (a fixed sample)"
    )
    group_by_length: bool = Field(
        default=False, description="batches of similar lengths: less padding, other data order"
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        default="auto", description="auto: bf16 autocast where the GPU has it, fp32 elsewhere"
    )


RECIPE = RecipeSpec


def check_recipe(document: Mapping[str, Any]) -> RecipeSpec:
    """Validate plain data as a recipe of the procedure that it names.

    Raises:
        ValueError: in one line, what is wrong.
    """
    name = document.get("procedure", DEFAULT)
    known = known_recipes()
    if name not in known:
        raise ValueError(unknown("", "procedure", name, known, "procedure"))
    try:
        return known[name].model_validate(document)
    except ValidationError as error:
        raise ValueError(explain(error, known[name], "")) from None


def _by_procedure(value: object, handler: ValidatorFunctionWrapHandler) -> RecipeSpec:
    if isinstance(value, dict) and value.get("procedure", DEFAULT) != DEFAULT:
        return check_recipe(value)
    found: RecipeSpec = handler(value)
    return found


AnyRecipe = Annotated[SerializeAsAny[RecipeSpec], WrapValidator(_by_procedure)]


class RunSpec(Spec):
    """One run; model, task and mask come as files. How it is scored is no part of it."""

    recipe: AnyRecipe
    seed: int = Field(ge=0, description="fixes head initialisation, data order and dropout")
