"""What a figure of mask similarity is made from: a measurement a model, which says all."""

from essential_sparsity.figures.kind import FigureKind

KIND = FigureKind(
    title="Similarity of masks (the paper's Figure 10)",
    reads="masks",
    tables=("similarity",),
    measurement="essential_sparsity.similarity",
)
