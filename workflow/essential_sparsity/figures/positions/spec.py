"""What a figure of patterns of removed weights is made from."""

from pydantic import Field

from essential_sparsity.figures.kind import FigureKind
from essential_sparsity.figures.masks import MasksSpec


class PositionsSpec(MasksSpec):
    """The masks and matrices whose removed weights are shown where they lie."""

    layers: tuple[int, ...] = Field(
        default=(), description="layers, from 0; the first, the middle and the last if not given"
    )
    modules: tuple[str, ...] = Field(
        default=(), description="modules, such as `query`; all of them if not given"
    )
    blocks: int = Field(
        default=48, ge=2, le=256, description="a matrix is shown as at most this many blocks a side"
    )


KIND = FigureKind(
    title="The pattern of removed weights in chosen matrices (the paper's Figure 1)",
    reads="masks",
    tables=("positions", "dispersion"),
    spec=PositionsSpec,
)
