"""The tests that a claim may name, by their `kind`."""

from typing import Annotated

from pydantic import Field

from essential_sparsity.claims.tests.difference import DifferenceWithin
from essential_sparsity.claims.tests.drop import DropWithin
from essential_sparsity.claims.tests.essential import EssentialOrder, EssentialWithin
from essential_sparsity.claims.tests.near_zero import ZeroShare
from essential_sparsity.claims.tests.placement import RateRatio
from essential_sparsity.claims.tests.sharpness import Sharper
from essential_sparsity.claims.tests.similarity import CosineAtLeast, CosineFalls, TasksDiffer
from essential_sparsity.claims.tests.spread import Spread
from essential_sparsity.claims.tests.unavailable import Unavailable

AnyTest = Annotated[
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
