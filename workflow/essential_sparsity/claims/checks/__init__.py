"""The checks that a claim may name by their `kind`, a module for each table that they read."""

from typing import Annotated

from pydantic import Field

from essential_sparsity.claims.check import Unavailable
from essential_sparsity.claims.checks.difference import DifferenceWithin
from essential_sparsity.claims.checks.drop import DropWithin
from essential_sparsity.claims.checks.essential import EssentialOrder, EssentialWithin
from essential_sparsity.claims.checks.near_zero import ZeroShare
from essential_sparsity.claims.checks.placement import RateRatio
from essential_sparsity.claims.checks.sharpness import Sharper
from essential_sparsity.claims.checks.similarity import CosineAtLeast, CosineFalls, TasksDiffer
from essential_sparsity.claims.checks.spread import Spread

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
