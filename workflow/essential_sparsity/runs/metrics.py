"""The registry of metrics: each gives every example its share of the score.

A score is the mean of the examples' shares × 100, so that statistics can resample examples.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_Metric = Callable[[NDArray[np.float32], NDArray[np.int64]], NDArray[np.float64]]


def _accuracy(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """1 where the largest logit is the label's, else 0."""
    right: NDArray[np.bool_] = logits.argmax(axis=1) == labels
    return right.astype(np.float64)


METRICS: dict[str, _Metric] = {"accuracy": _accuracy}
