"""What a figure of mask similarity is made from."""

from pydantic import Field

from essential_sparsity.figures.kind import FigureKind
from essential_sparsity.figures.masks import MasksSpec
from essential_sparsity.support.spec import Name


class SimilaritySpec(MasksSpec):
    """The masks of which all pairs are compared."""

    measurements: dict[Name, str] = Field(default={}, description="model → its Parquet file")


KIND = FigureKind(
    title="Similarity of masks (the paper's Figure 10)",
    reads="masks",
    tables=("similarity",),
    spec=SimilaritySpec,
    measurement="essential_sparsity.similarity",
)
