"""The settings of a search, and the sparsities that it may try."""

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Field

from essential_sparsity.estimators.search import FIRST_SEEDS, reserve
from essential_sparsity.support.spec import Sparsity, Spec

# At how many sparsities, evenly spaced, a search begins that is not told where.
_BEGINNING = 5


def _check_positive(value: float) -> float:
    if value == 0:
        raise ValueError("must be above 0")
    return value


_Positive = Annotated[Sparsity, AfterValidator(_check_positive)]


class SearchSpec(Spec):
    """Sparsities and seeds that the results so far decide, in place of a grid."""

    epsilon: float | None = Field(
        default=None, gt=0, lt=100, description="drop whose crossing is searched; the study's own"
    )
    resolution: _Positive = Field(
        default=0.025, description="sparsities are multiples of it, and it is what is resolved"
    )
    highest: _Positive = Field(default=0.9, description="no sparsity above it is tried")
    budget: int = Field(
        default=36, description="runs of a curve at most: dense ones and certification's included"
    )
    certify: int = Field(
        default=4,
        ge=0,
        le=100,
        description="seeds, other than the search's, that certify what it found; 0: none",
    )

    def lattice(self) -> tuple[float, ...]:
        """Return the sparsities that may be tried, ascending: multiples as decimals spell them."""
        step, highest = Decimal(repr(self.resolution)), Decimal(repr(self.highest))
        return tuple(float(step * k) for k in range(1, int(highest / step) + 1))

    def check_lattice(self) -> None:
        """Raise `ValueError` where there are no sparsities to try."""
        if not self.lattice():
            raise ValueError(
                f"highest: {self.highest:g} leaves no multiple of {self.resolution:g} to try"
            )

    def beginning(self) -> tuple[float, ...]:
        """Return the sparsities of the first round, where the masks do not say them."""
        lattice = self.lattice()
        count = min(_BEGINNING, len(lattice))
        return tuple(lattice[round(len(lattice) * k / count) - 1] for k in range(1, count + 1))

    def certification_seeds(self, seeds: tuple[int, ...]) -> tuple[int, ...]:
        """Return the fresh seeds: those that follow the largest of the search's."""
        return tuple(range(max(seeds) + 1, max(seeds) + 1 + self.certify))

    def reserve(self) -> int:
        """Return how many runs of the budget are kept for certification, dense ones included."""
        return reserve(self.certify)

    def least_budget(self, beginning: int, seeds: int) -> int:
        """Return the runs of the first round and of certification."""
        return (beginning + 1) * min(FIRST_SEEDS, seeds) + self.reserve()
