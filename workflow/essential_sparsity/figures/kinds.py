"""The registry of figures: a kind, the tables behind it, and the modules that make both.

Kept free of heavy imports, because the workflow reads it to build its rules.
"""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import create_model

from essential_sparsity.statistics.spec import (
    DifferenceSpec,
    DistributionSpec,
    DropSpec,
    PlacementSpec,
    PositionsSpec,
    SimilaritySpec,
)
from essential_sparsity.support.spec import Spec


@dataclass(frozen=True)
class FigureKind:
    """One kind of figure.

    `reads` says which artifacts its tables are computed from: the experiment's runs, its masks, or
    its models' weights. `spec` is what its tables depend on; those of its fields that the plan does
    not fill are the keys of an experiment's `options`. Where a model's part of the tables takes a
    while, `measurement` names the module that computes it, once a model, for all studies. A
    `searchable` one can be drawn of sparsities that differ from curve to curve.
    """

    name: str
    title: str
    reads: Literal["runs", "masks", "weights"]
    tables: tuple[str, ...]
    spec: type[Spec]
    statistics: str
    drawing: str
    measurement: str | None = None
    searchable: bool = False

    @property
    def options(self) -> type[Spec]:
        """What an experiment may say under `options`: fields of `spec` that nothing else says."""
        fields: dict[str, Any] = {
            name: (field.annotation, field)
            for name, field in self.spec.model_fields.items()
            if name not in _FILLED
        }
        return create_model(self.spec.__name__, __base__=Spec, __doc__=self.spec.__doc__, **fields)


# Fields of table specs that follow from the rest of the study.
_FILLED = {
    "models", "masks", "controls", "tasks", "metrics", "seeds", "seeds_of", "search", "statistics",
    "measurements",
}  # fmt: skip


FIGURE_KINDS = {
    kind.name: kind
    for kind in (
        FigureKind(
            name="drop",
            title="Performance drop against sparsity (the paper's Figure 2)",
            reads="runs",
            tables=("runs", "drop", "essential", "sharpness"),
            spec=DropSpec,
            statistics="essential_sparsity.statistics.drop",
            drawing="essential_sparsity.figures.drop",
            searchable=True,
        ),
        FigureKind(
            name="pattern",
            title="Performance drop against N:M pattern (the paper's Figure 5)",
            reads="runs",
            tables=("runs", "drop", "essential", "sharpness"),
            spec=DropSpec,
            statistics="essential_sparsity.statistics.drop",
            drawing="essential_sparsity.figures.pattern",
        ),
        FigureKind(
            name="difference",
            title="Score of one kind of masks less another's (the paper's Figure 9)",
            reads="runs",
            tables=("runs", "difference", "cost"),
            spec=DifferenceSpec,
            statistics="essential_sparsity.statistics.difference",
            drawing="essential_sparsity.figures.difference",
        ),
        FigureKind(
            name="placement",
            title="Where the removed weights lie (the paper's Figure 1)",
            reads="masks",
            tables=("placement",),
            spec=PlacementSpec,
            statistics="essential_sparsity.statistics.placement",
            drawing="essential_sparsity.figures.placement",
        ),
        FigureKind(
            name="positions",
            title="The pattern of removed weights in chosen matrices (the paper's Figure 1)",
            reads="masks",
            tables=("positions", "dispersion"),
            spec=PositionsSpec,
            statistics="essential_sparsity.statistics.positions",
            drawing="essential_sparsity.figures.positions",
        ),
        FigureKind(
            name="similarity",
            title="Similarity of masks (the paper's Figure 10)",
            reads="masks",
            tables=("similarity",),
            spec=SimilaritySpec,
            statistics="essential_sparsity.statistics.similarity",
            drawing="essential_sparsity.figures.similarity",
            measurement="essential_sparsity.similarity",
        ),
        FigureKind(
            name="distribution",
            title="Layer-wise distributions of the weights (the paper's Figure 7)",
            reads="weights",
            tables=("layers", "near_zero", "density"),
            spec=DistributionSpec,
            statistics="essential_sparsity.statistics.distribution",
            drawing="essential_sparsity.figures.distribution",
            measurement="essential_sparsity.weights",
        ),
    )
}
