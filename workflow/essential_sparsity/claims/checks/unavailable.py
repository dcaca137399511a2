"""Claims that the project has no experiment for yet: data all the same."""

from typing import ClassVar, Literal

from pydantic import Field

from essential_sparsity.claims.claim_test import ClaimTest
from essential_sparsity.claims.evidence import Evidence


class Unavailable(ClaimTest):
    """No test yet: no study has rows of such a claim."""

    table: ClassVar[str] = ""
    columns: ClassVar[frozenset[str]] = frozenset()
    key: ClassVar[tuple[str, ...]] = ()

    kind: Literal["unavailable"]
    reason: str = Field(description="what is missing")

    def evaluate(self, evidence: Evidence) -> None:
        """Decide nothing."""
