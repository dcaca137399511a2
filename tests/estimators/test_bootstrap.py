import numpy as np
import pytest
from scipy import stats

from essential_sparsity.estimators import bootstrap
from essential_sparsity.estimators.bootstrap import (
    Resamples,
    named_generator,
    percentile_interval,
    resample,
)
from essential_sparsity.estimators.spread import Floats


def _first(means: Floats) -> Floats:
    first: Floats = means[..., 0]
    return first


def _resample(scores: Floats, resamples: int, generator: np.random.Generator) -> Resamples:
    """Resamples of a metric that is the mean of what each example scores."""
    return resample(scores[..., None], _first, resamples, generator)


def _resampled_means(scores: Floats, resamples: int, generator: np.random.Generator) -> Floats:
    return _resample(scores, resamples, generator).scores()


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


def test_seeds_alone_spread_as_students_t() -> None:
    """What examples have no part in: 66 points, and a standard error of 6 / √3."""
    by_seed = np.array([60.0, 66.0, 72.0])
    scores = np.broadcast_to(by_seed[None, :, None], (1, 3, 5))
    means = _resampled_means(scores, 200_000, named_generator("x"))[0]
    error = by_seed.std(ddof=1) / np.sqrt(3)
    for share in (0.025, 0.1, 0.5, 0.9, 0.975):
        expected = 66 + error * stats.t(df=2).ppf(share)
        assert np.quantile(means, share) == pytest.approx(expected, abs=0.3)


def test_a_seeds_noise_that_is_its_answers_own_does_not_count_twice() -> None:
    """Runs that differ by single answers alone: the mean of five spreads as that of 5 × 400."""
    rng = np.random.default_rng(2)
    widths = []
    for _ in range(40):
        scores = 100.0 * (rng.random((1, 5, 400)) < 0.7)
        low, high = percentile_interval(_resampled_means(scores, 1000, rng), 0.95)
        widths.append(high[0] - low[0])
    expected = 2 * 1.96 * 100 * np.sqrt(0.7 * 0.3 / 2000)
    assert expected < np.mean(widths) < 1.5 * expected  # of the pigeonhole bootstrap 1.7


def test_masks_share_the_draw_and_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = np.random.default_rng(0).random((4, 3, 29))
    means = _resampled_means(scores, 100, named_generator("x"))
    np.testing.assert_allclose(_resampled_means(scores[:2], 100, named_generator("x")), means[:2])
    monkeypatch.setattr(bootstrap, "_CHUNK", 29 * 7)
    np.testing.assert_allclose(_resampled_means(scores, 100, named_generator("x")), means)


def test_a_seeds_score_is_that_of_its_examples_together() -> None:
    """A ratio of means, worked resample by resample: not the mean of ratios."""
    parts = 0.1 + np.random.default_rng(0).random((2, 3, 7, 2))
    found = resample(parts, lambda means: means[..., 0] / means[..., 1], 20, named_generator("x"))
    _, of_examples = named_generator("x").spawn(2)
    for number, row in enumerate(of_examples.integers(7, size=(20, 7))):
        means = parts[:, :, row].mean(axis=2)
        expected = (means[..., 0] / means[..., 1]).mean(axis=1)
        np.testing.assert_allclose(found.by_unit[:, number], expected, rtol=1e-12)


def test_differences_are_those_of_the_same_resamples() -> None:
    """One seed has no share in a resample, so that scores and differences are plain."""
    scores = np.random.default_rng(1).random((3, 1, 50))
    drawn = _resample(scores, 30, named_generator("x"))
    plain = drawn.scores()
    np.testing.assert_allclose(drawn.drops(), plain[0] - plain)
    np.testing.assert_allclose(drawn.differences([2, 1], [1, 0]), plain[[2, 1]] - plain[[1, 0]])


def test_pairing_narrows_the_interval_of_a_difference() -> None:
    rng = np.random.default_rng(3)
    dense = 100.0 * (rng.random((1, 2, 300)) < 0.7)
    sparse = np.where(rng.random(dense.shape) < 0.05, 100 - dense, dense)  # the same errors, mostly
    paired = _resample(np.concatenate([dense, sparse]), 2000, named_generator("x")).drops()
    apart = [
        _resampled_means(s, 2000, named_generator(str(i))) for i, s in enumerate((dense, sparse))
    ]
    low, high = percentile_interval(paired[1], 0.95)
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
    ("seeds", "spread", "least"),
    [(1, 0, 0.90), (2, 1, 0.95), (2, 4, 0.91), (5, 0, 0.91), (5, 2, 0.91)],
)
def test_intervals_hold_the_true_drop(seeds: int, spread: float, least: float) -> None:
    """Over 200 simulated data sets; two standard errors of 95 % are 3 points."""
    rng = np.random.default_rng(11)
    drop, sets, hits = 3.0, 200, 0
    for _ in range(sets):
        drops = _resample(_scores(rng, seeds, 400, drop, spread), 300, rng).drops()
        low, high = percentile_interval(drops[1], 0.95)
        hits += bool(low <= drop <= high)
    assert hits / sets >= 0.92


def test_one_seed_does_not_tell_how_seeds_differ() -> None:
    """Its intervals are of that very seed: as docs/validation.md says, they hold too little."""
    rng = np.random.default_rng(11)
    hits = 0
    for _ in range(200):
        drops = _resample(_scores(rng, 1, 400, 3.0, 2), 300, rng).drops()
        low, high = percentile_interval(drops[1], 0.95)
        hits += bool(low <= 3 <= high)
    assert 0.3 < hits / 200 < 0.6
