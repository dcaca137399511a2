"""What a figure of N:M patterns is made from: the tables of performance drops."""

from essential_sparsity.figures.kind import FigureKind
from essential_sparsity.outcomes.spec import RunsSpec

KIND = FigureKind(
    title="Performance drop against N:M pattern (the paper's Figure 5)",
    reads="runs",
    tables=("runs", "drop", "essential", "sharpness"),
    spec=RunsSpec,
    computed_by="essential_sparsity.figures.drop.tables",
)
