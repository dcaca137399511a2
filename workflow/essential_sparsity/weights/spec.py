"""What is measured of a model's weights."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from essential_sparsity.support.spec import Spec

Scaling = Literal["max-abs", "standard", "l2"]


def _check_distinct(values: tuple[float, ...]) -> tuple[float, ...]:
    if len(set(values)) < len(values):
        raise ValueError(f"a value occurs twice in {list(values)}")
    return values


Thresholds = Annotated[
    tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...],
    Field(min_length=1),
    AfterValidator(_check_distinct),
]


class WeightsSpec(Spec):
    """What is measured of a model's weights, layer by layer."""

    scaling: Scaling = Field(
        default="max-abs",
        description="a layer's weights are divided by their largest magnitude; or taken less their "
        "mean and divided by their standard deviation; or divided by their L2 norm, as a root mean "
        "square",
    )
    thresholds: Thresholds = Field(
        default=(1e-4, 1e-3, 1e-2),
        description="τ of the weights as they are: how many are nearer to zero?",
    )
    relative_thresholds: Thresholds = Field(
        default=(0.01, 0.03, 0.1),
        description="τ as a share of the matrix's standard deviation",
    )
