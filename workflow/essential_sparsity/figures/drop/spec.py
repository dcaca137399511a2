"""What a figure of performance drops is made from."""

from essential_sparsity.figures.kind import FigureKind
from essential_sparsity.outcomes.spec import RunsSpec

KIND = FigureKind(
    title="Performance drop against sparsity (the paper's Figure 2)",
    reads="runs",
    tables=("runs", "drop", "essential", "sharpness"),
    spec=RunsSpec,
    searchable=True,
)
