"""What every test of a claim has in common: the table that it reads, and how it is asked."""

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from essential_sparsity.claims.evidence import Evidence, Row
from essential_sparsity.claims.finding import Finding
from essential_sparsity.support.spec import Spec
from essential_sparsity.support.tables import read_table

if TYPE_CHECKING:
    from essential_sparsity.claims.spec import ClaimsSpec


class ClaimTest(Spec):
    """One way to decide on a claim. Its fields are the keys of `test:` in a claim's file.

    - `table`, `columns`: what it reads of an experiment that has it; `beside`: further tables of
      the same experiment that tell what these rows are worth.
    - `key`: columns that tell two rows apart. Where experiments share a row, that with the highest
      `rank` counts.
    - `roles`: those that a claim must fill; empty if it may name them as it likes, since all of
      their rows count alike.
    - `universal`: whether the claim is about every case, so that one counterexample refutes it.
    """

    table: ClassVar[str]
    columns: ClassVar[frozenset[str]]
    beside: ClassVar[tuple[str, ...]] = ()
    key: ClassVar[tuple[str, ...]]
    roles: ClassVar[tuple[str, ...]] = ()
    universal: ClassVar[bool] = True

    kind: str

    def load(self, path: Path, spec: "ClaimsSpec") -> list[Row]:
        """Return the rows of an experiment's table that the test is about.

        Raises:
            UserError: the table is missing, damaged, or lacks a column.
        """
        return [
            row for row in read_table(path, set(self.columns)).to_pylist() if self.concerns(row)
        ]

    def concerns(self, row: Row) -> bool:
        """Tell whether the test is about this row."""
        return True

    def rank(self, row: Row) -> tuple[float, ...]:
        """Return what decides between equal rows of several experiments: how many seeds it has."""
        return (row.get("seeds", 0),)

    def tolerance(self, epsilon: float) -> float | None:
        """Return the drop, in points, that counts as none; None if it makes no difference.

        Args:
            epsilon: the study's.
        """
        return None

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that an experiment must have to speak to it."""
        return (self.table, *self.beside)

    def is_papers(self, row: Row, spec: "ClaimsSpec") -> bool:
        """Tell whether a row of the paper's models is of the paper's setting as well."""
        return "task" not in row or row["recipe"] == spec.recipes.get(row["task"])

    @abstractmethod
    def evaluate(self, evidence: Evidence) -> Finding | None:
        """Decide; None where the evidence does not speak to the claim at all."""


class MaskTest(ClaimTest):
    """A test about the masks of one criterion and scope."""

    criterion: str = Field(default="magnitude", description="what removes the weights")
    scope: str = Field(
        default="global", description="over what they are ranked; `N:M` for patterns of any size"
    )

    def concerns(self, row: Row) -> bool:
        """Tell whether the row is about such masks."""
        by_pattern = row["scope"].startswith("N:")
        fits = by_pattern if self.scope == "N:M" else row["scope"] == self.scope
        return fits and bool(row["criterion"] == self.criterion)
