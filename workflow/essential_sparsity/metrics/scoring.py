"""The scores that a run writes beside what training saw, for people.

Tables compute theirs from the predictions: how a run is scored is no part of its key, and a new or
mended metric trains nothing again. So training is handed a `Scoring`, and imports none.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import pyarrow as pa

from essential_sparsity.metrics import METRICS
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.validation import unknown


@dataclass(frozen=True)
class Scoring:
    """A task's metric, and those that are kept beside it, by their names."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, names: str) -> Self:
        """Return the scoring by metrics whose names are separated by commas."""
        found = tuple(names.split(","))
        for name in found:
            if name not in METRICS:
                raise UserError(unknown("--score", "metric", name, METRICS, "metric"))
        return cls(found)

    @property
    def versions(self) -> dict[str, int]:
        """Name → version of every metric, the run's own first."""
        return {name: METRICS[name].version for name in self.names}

    def check(self, labels: tuple[str, ...], where: str) -> None:
        """Check that the metrics are for so many classes; `where` is what has them."""
        # The catalog checks it where an entry names its labels; else the data were first to know.
        try:
            for name in self.names:
                METRICS[name].check_classes(labels)
        except ValueError as error:
            raise UserError(f"{where}: {error}") from None

    def scores(self, predictions: pa.Table) -> dict[str, float]:
        """Return name → score."""
        return {name: METRICS[name].score(predictions) for name in self.names}

    def best(self, candidates: Iterable[pa.Table]) -> pa.Table:
        """Return the predictions with the best score, of equal ones the first."""
        own = METRICS[self.names[0]]
        sign = 1 if own.higher_is_better else -1
        return max(candidates, key=lambda table: sign * own.score(table))

    def with_shares(self, predictions: pa.Table) -> pa.Table:
        """Return the predictions with `score`, what each example scores, null if none does."""
        return predictions.append_column("score", METRICS[self.names[0]].shares(predictions))
