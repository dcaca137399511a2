"""What a figure of weights' distributions is made from: a measurement a model."""

from essential_sparsity.figures.kind import FigureKind
from essential_sparsity.weights.spec import WeightsSpec

KIND = FigureKind(
    title="Layer-wise distributions of the weights (the paper's Figure 7)",
    reads="weights",
    tables=("layers", "near_zero", "density"),
    spec=WeightsSpec,
    measurement="essential_sparsity.weights",
)
