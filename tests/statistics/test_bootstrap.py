import numpy as np
import pytest

from essential_sparsity.statistics import bootstrap
from essential_sparsity.statistics.bootstrap import (
    Floats,
    named_generator,
    percentile_interval,
    resampled_scores,
)


def _first(means: Floats) -> Floats:
    first: Floats = means[..., 0]
    return first


def _resampled_means(scores: Floats, resamples: int, generator: np.random.Generator) -> Floats:
    """The scores of a metric that is the mean of what each example scores."""
    return resampled_scores(scores[..., None], _first, resamples, generator)


def test_generator_depends_on_the_names_alone() -> None:
    def draw(*names: str) -> int:
        return int(named_generator(*names).integers(2**60))

    assert draw("bert", "rte") == draw("bert", "rte")
    assert len({draw("bert", "rte"), draw("rte", "bert"), draw("bertr", "te"), draw("bert")}) == 4


def test_constant_scores_stay() -> None:
    scores = np.broadcast_to(np.array([70.0, 30.0])[:, None, None], (2, 3, 17))
    means = _resampled_means(scores, 50, named_generator("x"))
    assert means.shape == (2, 50)
    np.testing.assert_allclose(means, np.array([[70.0], [30.0]]).repeat(50, axis=1))


def test_examples_spread_as_sampling_theory_says() -> None:
    scores = np.zeros((1, 1, 400))
    scores[:, :, :100] = 100
    means = _resampled_means(scores, 20_000, named_generator("x"))
    assert means.mean() == pytest.approx(25, abs=0.1)
    assert means.std() == pytest.approx(100 * np.sqrt(0.25 * 0.75 / 400), rel=0.03)


def test_seeds_are_resampled_too() -> None:
    by_seed = np.array([60.0, 66.0, 72.0])
    scores = np.broadcast_to(by_seed[None, :, None], (1, 3, 5))
    means = _resampled_means(scores, 20_000, named_generator("x"))
    assert means.std() == pytest.approx(by_seed.std() / np.sqrt(3), rel=0.03)


def test_masks_share_the_draw_and_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = np.random.default_rng(0).random((4, 3, 29))
    means = _resampled_means(scores, 100, named_generator("x"))
    np.testing.assert_allclose(_resampled_means(scores[:2], 100, named_generator("x")), means[:2])
    monkeypatch.setattr(bootstrap, "_CHUNK", 29 * 7)
    np.testing.assert_allclose(_resampled_means(scores, 100, named_generator("x")), means)


def _shares(generator: np.random.Generator, resamples: int, size: int) -> Floats:
    """How often each of `size` is drawn in each resample, as a share."""
    drawn = generator.integers(size, size=(resamples, size))
    return np.array([np.bincount(row, minlength=size) for row in drawn]) / size


def test_a_seeds_score_is_that_of_its_examples_together() -> None:
    """A ratio of means, worked resample by resample: not the mean of ratios, nor of all seeds."""
    parts = 0.1 + np.random.default_rng(0).random((2, 3, 7, 2))
    found = resampled_scores(parts, lambda means: means[..., 0] / means[..., 1], 20,
                             named_generator("x"))  # fmt: skip
    generator = named_generator("x")
    seed_shares, shares = _shares(generator, 20, 3), _shares(generator, 20, 7)
    for resample in range(20):
        for mask in range(2):
            means = np.einsum("sep,e->sp", parts[mask], shares[resample])
            expected = seed_shares[resample] @ (means[:, 0] / means[:, 1])
            assert found[mask, resample] == pytest.approx(expected, rel=1e-12)


def test_pairing_narrows_the_interval_of_a_difference() -> None:
    rng = np.random.default_rng(3)
    dense = 100.0 * (rng.random((1, 2, 300)) < 0.7)
    sparse = np.where(rng.random(dense.shape) < 0.05, 100 - dense, dense)  # the same errors, mostly
    paired = _resampled_means(np.concatenate([dense, sparse]), 2000, named_generator("x"))
    apart = [
        _resampled_means(s, 2000, named_generator(str(i))) for i, s in enumerate((dense, sparse))
    ]
    low, high = percentile_interval(paired[0] - paired[1], 0.95)
    loose_low, loose_high = percentile_interval(apart[0][0] - apart[1][0], 0.95)
    assert high - low < 0.6 * (loose_high - loose_low)


def test_percentile_interval_by_hand() -> None:
    samples = np.array([np.arange(1.0, 102.0), [-np.inf] * 3 + [5.0] * 95 + [np.inf] * 3])
    low, high = percentile_interval(samples, 0.95)
    assert low.tolist() == [3, -np.inf]  # 2.5 % of 100 steps, rounded outward
    assert high.tolist() == [99, np.inf]


def _scores(
    rng: np.random.Generator, seeds: int, examples: int, drop: float, spread: float
) -> Floats:
    """Two masks' scores in points; an example's difficulty is common to all runs in most part."""
    standard_error = np.sqrt(0.7 * 0.3 / examples)
    chance = np.array([0.7, 0.7 - drop / 100])[:, None, None]
    chance = chance + rng.normal(0, spread * standard_error, (2, seeds, 1))
    # A sum of uniforms on [0, .7] and [0, .3] is below .15 + .7 p with chance p near its middle.
    threshold = 0.15 + 0.7 * chance
    difficulty = 0.7 * rng.random(examples) + 0.3 * rng.random((2, seeds, examples))
    return 100.0 * (difficulty < threshold)


@pytest.mark.parametrize(
    ("seeds", "spread", "expected"), [(1, 0, 0.95), (1, 1, 0.70), (3, 1, 0.92), (2, 2, 0.77)]
)
def test_coverage_is_what_the_docstring_says(seeds: int, spread: float, expected: float) -> None:
    """Over 200 simulated data sets; two standard errors of the coverage are 3 to 6 points."""
    rng = np.random.default_rng(11)
    drop, sets, hits = 3.0, 200, 0
    for _ in range(sets):
        means = _resampled_means(_scores(rng, seeds, 400, drop, spread), 300, rng)
        low, high = percentile_interval(means[0] - means[1], 0.95)
        hits += bool(low <= drop <= high)
    assert hits / sets == pytest.approx(expected, abs=0.06)
