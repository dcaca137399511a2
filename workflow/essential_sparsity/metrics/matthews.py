"""Matthews' correlation coefficient of two classes, in hundredths."""

import numpy as np
import pyarrow as pa

from essential_sparsity.metrics.metric import (
    Floats,
    Metric,
    answers_of,
    both_and_each,
    no_correlation,
    quotient,
)


def _score(table: pa.Table) -> float:
    from sklearn.metrics import matthews_corrcoef

    prediction, label = answers_of(table)
    return 100 * float(matthews_corrcoef(label, prediction))


def _combine(means: Floats) -> Floats:
    both, predicted, true = np.moveaxis(means, -1, 0)
    spread = predicted * (1 - predicted) * true * (1 - true)
    return quotient(both - predicted * true, np.sqrt(np.maximum(spread, 0)))


METRICS = (
    Metric(
        name="matthews",
        title="MCC",
        unit="MCC",
        bounds=(-100.0, 100.0),
        reads="classes",
        score=_score,
        parts=both_and_each,
        combine=_combine,
        constant=no_correlation,
        binary=True,
    ),
)
