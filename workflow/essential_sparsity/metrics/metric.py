"""What a metric is, and what several of them are made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def mean_of(means: Floats) -> Floats:
    """Combine the one part that a score has which is a mean over examples."""
    first: Floats = means[..., 0]
    return first


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric: a score of a table of predictions, a row an example, as a well-kept library has it.

    It is a function of means over the examples (the mean of correct answers, say, or the moments of
    a correlation). That is what lets statistics resample examples by the thousand.

    Attributes:
        name: as a task names it.
        title: as the axes of figures name it.
        unit: what stands behind a score; it starts with % where a score is a percentage.
        bounds: the least and the greatest score that there can be.
        higher_is_better: the direction.
        reads: what predictions it is for: `classes`, `numbers`, `spans`, or those of a kind of
            examples of one's own.
        columns: the columns of the predictions that it reads.
        score: table → the score in its unit.
        parts: table → (examples, parts), each example's terms.
        combine: means of parts (..., parts) → the score (...), equal to `score`.
        is_mean: whether the score is the mean of what every example scores by itself; else it needs
            all of them at once.
        constant: table → the score of the best answer that is the same for every example; reads
            labels alone. None if there is no such answer.
        binary: it is for two classes, of which the second is the positive one.
        version: raise it when a score comes to mean something else: runs that are there are scored
            anew.
    """

    name: str
    title: str
    unit: str
    bounds: tuple[float, float] = (0.0, 100.0)
    higher_is_better: bool = True
    reads: str
    columns: tuple[str, ...] = ("prediction", "label")
    score: Callable[[pa.Table], float]
    parts: Callable[[pa.Table], Floats]
    combine: Callable[[Floats], Floats] = mean_of
    is_mean: bool = False
    constant: Callable[[pa.Table], float] | None = None
    binary: bool = False
    version: int = 1

    def check_classes(self, labels: Sequence[str]) -> None:
        """Raise ValueError unless the metric is for as many classes as there are labels."""
        if self.binary and len(labels) != 2:
            raise ValueError(
                f"metric '{self.name}' is for two classes, there are {len(labels)}: "
                f"{', '.join(labels)}"
            )

    def shares(self, predictions: pa.Table) -> pa.Array:
        """Return what each example scores, in hundredths; null where the score is no mean."""
        found = self.parts(predictions)[:, 0] / 100 if self.is_mean else [None] * len(predictions)
        return pa.array(found, pa.float64())

    @property
    def in_percent(self) -> bool:
        """Whether a score is a percentage."""
        return self.unit.startswith("%")


def column_of(table: pa.Table, name: str) -> Floats:
    """Return a column's numbers."""
    return np.asarray(pc.cast(table.column(name), pa.float64()).to_numpy(), dtype=np.float64)


def answers_of(table: pa.Table) -> tuple[Floats, Floats]:
    """Return predictions and labels."""
    return column_of(table, "prediction"), column_of(table, "label")


def both_and_each(table: pa.Table) -> Floats:
    """Return (examples, 3): predicted and truly positive, predicted positive, truly positive."""
    prediction, label = answers_of(table)
    return np.stack([prediction * label, prediction, label], axis=1)


def quotient(above: Floats, below: Floats) -> Floats:
    """Return the quotient in hundredths, 0 where nothing varies, as the libraries do."""
    # Below the rounding error of a sum, a spread is none.
    none = below <= 1e-12
    return np.where(none, 0.0, 100 * above / np.where(none, 1.0, below))


def no_correlation(_: pa.Table) -> float:
    """Return what constant answers have of a correlation."""
    return 0.0


def share_of(column: str) -> Metric:
    """Return the metric, without words, of shares in [0, 1] that a column of predictions holds."""
    return Metric(
        name=column,
        title=column,
        unit="%",
        reads="spans",
        columns=(column,),
        score=lambda table: 100 * float(column_of(table, column).mean()),
        parts=lambda table: 100 * column_of(table, column)[:, None],
        is_mean=True,
    )
