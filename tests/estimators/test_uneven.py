"""Scores of masks that do not all have the same seeds."""

import numpy as np
import pytest

from essential_sparsity.estimators.bootstrap import named_generator
from essential_sparsity.estimators.curve import Scores
from essential_sparsity.estimators.settings import Settings
from essential_sparsity.estimators.spread import Floats

SETTINGS = Settings(resamples=300)


def answers(masks: int, seeds: int) -> Floats:
    """Return (masks, seeds, examples, 1): less right from mask to mask, examples unlike."""
    draw = np.random.default_rng(1)
    hard = draw.standard_normal((1, 1, 400, 1))
    own = draw.standard_normal((masks, seeds, 400, 1))
    return 100.0 * (hard + 0.5 * own < 1 - 0.1 * np.arange(masks)[:, None, None, None])


def scores_of(parts: Floats, seeds: list[list[int]]) -> Scores:
    runs = [{seed: parts[mask, seed] for seed in of} for mask, of in enumerate(seeds)]
    return Scores.of(runs, lambda means: means[..., 0], SETTINGS, named_generator("a"))


def test_equal_seeds_are_no_special_case() -> None:
    parts = answers(4, 3)
    uneven = scores_of(parts, [[0, 1, 2]] * 4)
    even = Scores.of(parts, lambda means: means[..., 0], SETTINGS, named_generator("a"))
    np.testing.assert_array_equal(uneven.drop_samples, even.drop_samples)
    np.testing.assert_array_equal(uneven.p_values(1.0), even.p_values(1.0))


def test_a_drop_is_from_the_dense_runs_of_the_same_seeds() -> None:
    parts = answers(3, 4)
    parts[:, 3] = 0  # a seed that failed for all
    scores = scores_of(parts, [[0, 1, 2, 3], [0, 1], [0, 1, 2, 3]])
    by_seed = parts.mean(axis=(2, 3))
    assert scores.drops[1, 0] == pytest.approx((by_seed[0] - by_seed[1])[:2].mean())
    assert scores.drops[2, 0] == pytest.approx((by_seed[0] - by_seed[2]).mean())
    assert scores.replicates.tolist() == [4, 2, 4]


def test_masks_of_unlike_seeds_share_the_resampled_examples() -> None:
    """Else their drops would seem to differ by more than they do."""
    parts = answers(3, 3)
    parts[:] = parts[:, :1]  # all seeds alike: what is left is the examples' noise
    parts[2] = parts[1]
    scores = scores_of(parts, [[0, 1, 2], [0, 1], [0, 1, 2]])
    np.testing.assert_allclose(scores.drop_samples[1], scores.drop_samples[2])
    assert scores.drop_samples[1].std() > 0.5


def test_more_seeds_tell_more() -> None:
    parts = answers(3, 5)
    parts[2] = parts[1]
    scores = scores_of(parts, [[0, 1, 2, 3, 4], [0, 1], [0, 1, 2, 3, 4]])
    assert scores.drop_variance[2] < scores.drop_variance[1]
