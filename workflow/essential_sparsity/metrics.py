"""The registry of metrics: each scores a table of predictions, as a well-kept library does.

Scores are in points: percent of a share, and hundredths of a correlation. Every metric is a
function of means over the examples (the mean of correct answers, say, or the moments of a
correlation): `parts` gives each example's terms, `combine` the metric of their means. That is what
lets statistics resample examples by the thousand.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Reads = Literal["classes", "numbers", "spans"]


@dataclass(frozen=True)
class Metric:
    """A metric.

    Attributes:
        name: as a task names it.
        title: as the axes of figures name it.
        unit: what stands behind a score; it starts with % unless points are hundredths.
        reads: what predictions it is for.
        columns: the columns of the predictions that it reads.
        library: table → the metric, at most 1, by a well-kept library.
        parts: table → (examples, parts).
        combine: means of parts (..., parts) → the metric (...) in points, equal to `score`.
        constant: table → the score, in points, of the best answer that is the same for every
            example; reads labels alone. None if there is no such answer.
        binary: it is for two classes, of which the second is the positive one.
    """

    name: str
    title: str
    unit: str
    reads: Reads
    columns: tuple[str, ...]
    library: Callable[[pa.Table], float]
    parts: Callable[[pa.Table], Floats]
    combine: Callable[[Floats], Floats]
    constant: Callable[[pa.Table], float] | None = None
    binary: bool = False

    def score(self, predictions: pa.Table) -> float:
        """Return the score in points."""
        return 100 * float(self.library(predictions))

    def check_classes(self, labels: Sequence[str]) -> None:
        """Raise ValueError unless the metric is for as many classes as there are labels."""
        if self.binary and len(labels) != 2:
            raise ValueError(
                f"metric '{self.name}' is for two classes, there are {len(labels)}: "
                f"{', '.join(labels)}"
            )

    @property
    def in_percent(self) -> bool:
        """Whether a score is a percentage; else it is a correlation × 100."""
        return self.unit.startswith("%")

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest score that there can be."""
        return (0.0 if self.in_percent else -100.0), 100.0

    @property
    def is_mean(self) -> bool:
        """Whether the metric is the mean of what every example scores by itself, in points."""
        return self.combine is _mean


def _column(table: pa.Table, name: str) -> Floats:
    return np.asarray(pc.cast(table.column(name), pa.float64()).to_numpy(), dtype=np.float64)


def _classes(table: pa.Table) -> tuple[Floats, Floats]:
    return _column(table, "prediction"), _column(table, "label")


def _mean(means: Floats) -> Floats:
    first: Floats = means[..., 0]
    return first


def _accuracy(table: pa.Table) -> float:
    from sklearn.metrics import accuracy_score

    prediction, label = _classes(table)
    return float(accuracy_score(label, prediction))


def _right(table: pa.Table) -> Floats:
    prediction, label = _classes(table)
    return np.where(prediction == label, 100.0, 0.0)[:, None]


def _most_frequent(table: pa.Table) -> float:
    _, counts = np.unique(_column(table, "label"), return_counts=True)
    return float(100 * counts.max() / counts.sum())


def _f1(table: pa.Table) -> float:
    from sklearn.metrics import f1_score

    prediction, label = _classes(table)
    return float(f1_score(label, prediction, zero_division=0))


def _both_and_each(table: pa.Table) -> Floats:
    """Return (examples, 3): predicted and truly positive, predicted positive, truly positive."""
    prediction, label = _classes(table)
    return np.stack([prediction * label, prediction, label], axis=1)


def _f1_of_means(means: Floats) -> Floats:
    both, predicted, true = np.moveaxis(means, -1, 0)
    return _quotient(2 * both, predicted + true)


def _always_positive(table: pa.Table) -> float:
    positive = _column(table, "label").mean()
    return float(100 * 2 * positive / (1 + positive))


def _matthews(table: pa.Table) -> float:
    from sklearn.metrics import matthews_corrcoef

    prediction, label = _classes(table)
    return float(matthews_corrcoef(label, prediction))


def _matthews_of_means(means: Floats) -> Floats:
    both, predicted, true = np.moveaxis(means, -1, 0)
    spread = predicted * (1 - predicted) * true * (1 - true)
    return _quotient(both - predicted * true, np.sqrt(np.maximum(spread, 0)))


def _pearson(table: pa.Table) -> float:
    from scipy.stats import pearsonr

    prediction, label = _classes(table)
    if np.ptp(prediction) == 0 or np.ptp(label) == 0:
        return 0.0
    return float(pearsonr(prediction, label).statistic)


def _spearman(table: pa.Table) -> float:
    from scipy.stats import spearmanr

    prediction, label = _classes(table)
    if np.ptp(prediction) == 0 or np.ptp(label) == 0:
        return 0.0
    return float(spearmanr(prediction, label).statistic)


def _moments(first: Floats, second: Floats) -> Floats:
    """Return (examples, 5): the terms of both means, of both squares and of the product."""
    x, y = _standardise(first), _standardise(second)
    return np.stack([x, y, x * x, y * y, x * y], axis=1)


def _standardise(values: Floats) -> Floats:
    """Return the values with mean 0 and variance 1, so that any scale is as good as another."""
    if np.ptp(values) == 0:
        return np.zeros_like(values)
    centred = values - values.mean()
    standard: Floats = centred / centred.std()
    return standard


def _value_moments(table: pa.Table) -> Floats:
    return _moments(*_classes(table))


def _rank_moments(table: pa.Table) -> Floats:
    """Return the moments of the ranks among all examples; resamples keep these ranks.

    An approximation: a resample that is ranked anew costs a sort a run. With 1,500 pairs, the
    standard error over resamples is that of new ranks without correlation, and below it by 2 % at a
    correlation of 0.5, by up to 7 % from 0.8 to 0.95.
    """
    from scipy.stats import rankdata

    prediction, label = _classes(table)
    return _moments(rankdata(prediction), rankdata(label))


def _correlation_of_means(means: Floats) -> Floats:
    x, y, xx, yy, xy = np.moveaxis(means, -1, 0)
    spread = (xx - x * x) * (yy - y * y)
    return _quotient(xy - x * y, np.sqrt(np.maximum(spread, 0)))


def _no_correlation(_: pa.Table) -> float:
    return 0.0


def _quotient(above: Floats, below: Floats) -> Floats:
    """Return the quotient in points, 0 where nothing varies: the convention of the libraries."""
    # Below the rounding error of a sum, a spread is none.
    none = below <= 1e-12
    return np.where(none, 0.0, 100 * above / np.where(none, 1.0, below))


def share_of(column: str) -> tuple[Callable[[pa.Table], float], Callable[[pa.Table], Floats]]:
    """Return library and parts of a metric whose shares a column of the predictions holds."""
    return (
        lambda table: float(_column(table, column).mean()),
        lambda table: 100 * _column(table, column)[:, None],
    )


_CLASSES = ("prediction", "label")
_ALL = (
    Metric(
        "accuracy",
        "accuracy",
        "%",
        "classes",
        _CLASSES,
        _accuracy,
        _right,
        _mean,
        constant=_most_frequent,
    ),
    Metric(
        "f1",
        "F1",
        "% F1",
        "classes",
        _CLASSES,
        _f1,
        _both_and_each,
        _f1_of_means,
        constant=_always_positive,
        binary=True,
    ),
    Metric(
        "matthews",
        "MCC",
        "MCC",
        "classes",
        _CLASSES,
        _matthews,
        _both_and_each,
        _matthews_of_means,
        constant=_no_correlation,
        binary=True,
    ),
    Metric(
        "pearson",
        "Pearson's r",
        "Pearson",
        "numbers",
        _CLASSES,
        _pearson,
        _value_moments,
        _correlation_of_means,
        constant=_no_correlation,
    ),
    Metric(
        "spearman",
        "Spearman's ρ",
        "Spearman",
        "numbers",
        _CLASSES,
        _spearman,
        _rank_moments,
        _correlation_of_means,
        constant=_no_correlation,
    ),
    # Shares of each question, from the official rules: see `runs.kinds.question_answering`.
    Metric("span-f1", "F1", "% F1", "spans", ("f1",), *share_of("f1"), _mean),
    Metric("exact-match", "exact match", "% EM", "spans", ("exact",), *share_of("exact"), _mean),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
