"""F1 of the positive one of two classes."""

import numpy as np
import pyarrow as pa

from essential_sparsity.metrics.metric import (
    Floats,
    Metric,
    answers_of,
    both_and_each,
    column_of,
    quotient,
)


def _score(table: pa.Table) -> float:
    from sklearn.metrics import f1_score

    prediction, label = answers_of(table)
    return 100 * float(f1_score(label, prediction, zero_division=0))


def _combine(means: Floats) -> Floats:
    both, predicted, true = np.moveaxis(means, -1, 0)
    return quotient(2 * both, predicted + true)


def _always_positive(table: pa.Table) -> float:
    positive = column_of(table, "label").mean()
    return float(100 * 2 * positive / (1 + positive))


METRICS = (
    Metric(
        name="f1",
        title="F1",
        unit="% F1",
        reads="classes",
        score=_score,
        parts=both_and_each,
        combine=_combine,
        constant=_always_positive,
        binary=True,
    ),
)
