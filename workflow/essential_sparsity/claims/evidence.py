"""The rows of tables that a test reads, by the role that each plays in the claim."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Evidence:
    """Rows by role, and what is needed to judge and to name them.

    Rows have `model`, and `task` where a table is about tasks. `labels` are those of models and
    tasks, `epsilon` is in points.
    """

    roles: Mapping[str, Sequence[Row]]
    labels: Mapping[str, str]
    epsilon: float
    confidence: float

    @property
    def rows(self) -> list[Row]:
        """All rows, each once, whatever their role."""
        return list({id(row): row for rows in self.roles.values() for row in rows}.values())

    def name(self, row: Row) -> str:
        """Return `MiniLM-L6 on Topic`."""
        model, task = self.label(row["model"]), row.get("task")
        return f"{model} on {self.label(task)}" if task else model

    def label(self, name: str) -> str:
        """Return the label of a model or task."""
        return self.labels.get(name, name)

    def pairs(self, first: str, second: str) -> Iterator[tuple[Row, Row]]:
        """Yield every row of one role with those of other models in another, on the same task."""
        for row in self.roles[first]:
            for other in self.roles[second]:
                if row["model"] != other["model"] and row.get("task") == other.get("task"):
                    yield row, other


def percent(sparsity: float) -> str:
    """Return a share of 1 as `52.3 %`."""
    return f"{100 * sparsity:.3g} %"
