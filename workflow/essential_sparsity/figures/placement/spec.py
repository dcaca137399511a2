"""What a figure of where removed weights lie is made from."""

from essential_sparsity.figures.kind import FigureKind
from essential_sparsity.figures.masks import MasksSpec


class PlacementSpec(MasksSpec):
    """The masks whose removed weights are located."""


KIND = FigureKind(
    title="Where the removed weights lie (the paper's Figure 1)",
    reads="masks",
    tables=("placement",),
    spec=PlacementSpec,
)
