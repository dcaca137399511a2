"""The share of right answers."""

import numpy as np
import pyarrow as pa

from essential_sparsity.metrics.metric import Floats, Metric, answers_of, column_of


def _score(table: pa.Table) -> float:
    from sklearn.metrics import accuracy_score

    prediction, label = answers_of(table)
    return 100 * float(accuracy_score(label, prediction))


def _right(table: pa.Table) -> Floats:
    prediction, label = answers_of(table)
    return np.where(prediction == label, 100.0, 0.0)[:, None]


def _most_frequent(table: pa.Table) -> float:
    _, counts = np.unique(column_of(table, "label"), return_counts=True)
    return float(100 * counts.max() / counts.sum())


METRICS = (
    Metric(
        name="accuracy",
        title="accuracy",
        unit="%",
        reads="classes",
        score=_score,
        parts=_right,
        is_mean=True,
        constant=_most_frequent,
    ),
)
