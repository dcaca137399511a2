"""What a figure of weights' distributions is made from."""

from pydantic import Field

from essential_sparsity.figures.kind import FigureKind
from essential_sparsity.support.spec import Name
from essential_sparsity.weights.spec import WeightsSpec


class DistributionSpec(WeightsSpec):
    """The models whose weights are looked at, side by side."""

    models: tuple[Name, ...] = Field(min_length=1)
    measurements: dict[Name, str] = Field(default={}, description="model → its Parquet file")


KIND = FigureKind(
    title="Layer-wise distributions of the weights (the paper's Figure 7)",
    reads="weights",
    tables=("layers", "near_zero", "density"),
    spec=DistributionSpec,
    measurement="essential_sparsity.weights",
)
