"""The checks that a claim may name by their `kind`, by the tables that they read."""

from typing import Annotated

from pydantic import Field

from essential_sparsity.claims.check import Unavailable
from essential_sparsity.claims.checks.essential import EssentialOrder, EssentialWithin
from essential_sparsity.claims.checks.scores import DifferenceWithin, DropWithin
from essential_sparsity.claims.checks.sharpness import Sharper
from essential_sparsity.claims.checks.similarity import CosineAtLeast, CosineFalls, TasksDiffer
from essential_sparsity.claims.checks.spread import Spread
from essential_sparsity.claims.checks.weights import RateRatio, ZeroShare

AnyCheck = Annotated[
    EssentialWithin
    | EssentialOrder
    | Spread
    | Sharper
    | DropWithin
    | DifferenceWithin
    | RateRatio
    | ZeroShare
    | CosineAtLeast
    | CosineFalls
    | TasksDiffer
    | Unavailable,
    Field(discriminator="kind"),
]
