"""What the figure of all essential sparsities is made from: the experiments' tables of them."""

from essential_sparsity.figures.kind import FigureKind

KIND = FigureKind(
    title="Essential sparsities, by task and model", reads="tables", tables=("essential",)
)
