"""The registry of figures: a kind, the tables behind it, and the modules that make both.

Kept free of heavy imports, because the workflow reads it to build its rules.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class FigureKind:
    """One kind of figure.

    `reads` says which artifacts its tables are computed from: the experiment's runs or its masks.
    """

    name: str
    title: str
    reads: Literal["runs", "masks"]
    tables: tuple[str, ...]
    statistics: str
    drawing: str


FIGURE_KINDS = {
    kind.name: kind
    for kind in (
        FigureKind(
            name="drop",
            title="Performance drop against sparsity (the paper's Figure 2)",
            reads="runs",
            tables=("runs", "drop", "essential"),
            statistics="essential_sparsity.statistics.drop",
            drawing="essential_sparsity.figures.drop",
        ),
        FigureKind(
            name="placement",
            title="Where the removed weights lie (the paper's Figure 1)",
            reads="masks",
            tables=("placement",),
            statistics="essential_sparsity.statistics.placement",
            drawing="essential_sparsity.figures.placement",
        ),
    )
}
