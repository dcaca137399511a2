"""A curve's bootstrap, by this project and by scipy."""

import numpy as np
from numpy.typing import NDArray


def _answers(masks: int, seeds: int, examples: int) -> NDArray[np.float64]:
    """Return (masks, seeds, examples) in points; the drop grows with the square of the sparsity."""
    generator = np.random.default_rng(0)
    rights = 0.8 - 0.2 * (np.arange(masks) / masks) ** 2
    right = generator.random((masks, seeds, examples)) < rights[:, None, None]
    return np.where(right, 100.0, 0.0)


def ours(masks: int, seeds: int, examples: int, resamples: int) -> None:
    """Make all rows of the tables."""
    from threadpoolctl import threadpool_limits

    from essential_sparsity.estimators.curve import Scores
    from essential_sparsity.estimators.settings import Settings

    answers = _answers(masks, seeds, examples)[..., None]
    with threadpool_limits(1):
        scores = Scores.of(
            answers,
            lambda means: means[..., 0],
            Settings(resamples=resamples),
            np.random.default_rng(1),
            50.0,
        )
        curve = scores.curve(np.arange(1, masks) / masks, range(1, masks))
        for index in range(masks):
            scores.drop_row(index)
        list(curve.essential_rows())
        curve.sharpness_row()


def scipy(masks: int, seeds: int, examples: int, resamples: int) -> None:
    """Give the intervals of the mean drops over resampled examples."""
    from scipy.stats import bootstrap

    runs = _answers(masks, seeds, examples).reshape(-1, examples)

    def drops(*samples: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
        scores = np.array([sample.mean(axis=axis) for sample in samples])
        by_mask = scores.reshape(masks, seeds, *scores.shape[1:]).mean(axis=1)
        return np.asarray(by_mask[0] - by_mask[1:])

    bootstrap(
        tuple(runs),
        drops,
        n_resamples=resamples,
        batch=1,
        vectorized=True,
        paired=True,
        method="percentile",
    )
