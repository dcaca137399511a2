"""Examples that belong together, and results for which nothing is drawn."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from essential_sparsity.estimators.bootstrap import (
    Resamples,
    design_effect,
    named_generator,
    percentile_interval,
    resample,
)
from essential_sparsity.estimators.certification import effective_examples, too_few
from essential_sparsity.estimators.curve import Curve, Scores
from essential_sparsity.estimators.settings import Settings
from essential_sparsity.estimators.spread import Floats
from essential_sparsity.metrics import METRICS


def first(means: Floats) -> Floats:
    found: Floats = means[..., 0]
    return found


def resampled(scores: Floats, clusters: npt.NDArray[Any] | None, resamples: int = 400) -> Resamples:
    """Resamples of scores (masks, replicates, examples)."""
    return resample(scores[..., None], first, resamples, named_generator("x"), clusters)


def test_a_cluster_of_its_own_changes_nothing() -> None:
    scores = np.random.default_rng(0).random((3, 2, 40))
    alone, named = (resampled(scores, found) for found in (None, np.arange(40)[::-1]))
    np.testing.assert_array_equal(alone.drops(), named.drops())
    np.testing.assert_array_equal(alone.sizes, named.sizes)


def test_copies_of_an_example_tell_no_more_than_one() -> None:
    """Forty examples, each five times: as few as the forty, but for what few clusters add."""
    scores = 100.0 * (np.random.default_rng(0).random((2, 1, 40)) < 0.7)
    copies = resampled(scores.repeat(5, axis=2), np.arange(40).repeat(5), 4000)
    single = resampled(scores, None, 4000)
    assert copies.by_replicate == pytest.approx(single.by_replicate)
    spread = copies.drop_spread().mean_variance
    assert spread == pytest.approx(single.drop_spread().mean_variance)
    assert copies.drops()[1].std() == pytest.approx(single.drops()[1].std(), rel=0.1)
    ignored = resampled(scores.repeat(5, axis=2), None, 4000)
    assert ignored.drops()[1].std() < 0.7 * copies.drops()[1].std()


def test_clusters_are_drawn_whole_with_their_sizes() -> None:
    """Means are ratios of sums: worked resample by resample, and widened as Student's t is."""
    scores = np.random.default_rng(1).random((2, 2, 9))
    clusters = np.array(["b", "a", "b", "c", "b", "c", "b", "b", "a"])
    found = resampled(scores, clusters, 30)
    assert found.sizes.tolist() == [2, 5, 2]
    _, of_units, of_spread = named_generator("x").spawn(3)
    widening = np.sqrt(3 / of_spread.chisquare(2, 30))
    centre = scores.mean(axis=(1, 2))
    for number, drawn in enumerate(of_units.integers(3, size=(30, 3))):
        rows = np.concatenate([np.flatnonzero(clusters == "abc"[place]) for place in drawn])
        mean = scores[:, :, rows].mean(axis=(1, 2))
        expected = centre + widening[number] * (mean - centre)
        np.testing.assert_allclose(found.by_unit[:, number], expected)


def test_deviations_of_few_clusters_follow_students_t() -> None:
    values = np.array([1.0, 3, 4, 8, 9, 11]).repeat(4)[None, None]
    found = resampled(values, np.arange(6).repeat(4), 40_000).scores()[0]
    error = np.array([1.0, 3, 4, 8, 9, 11]).std(ddof=1) / np.sqrt(6)
    low, high = percentile_interval(found, 0.95)
    assert (high - low) / 2 == pytest.approx(2.571 * error, rel=0.06)


@pytest.mark.parametrize("name", ["f1", "matthews"])
def test_metrics_that_need_all_rows_take_clusters_too(name: str) -> None:
    """The variance is that of the jackknife that leaves whole clusters out."""
    draw = np.random.default_rng(3)
    clusters = np.arange(60).repeat(draw.integers(1, 6, 60))
    label = draw.integers(0, 2, len(clusters)).astype(float)
    wrong = draw.random(60)[clusters] < 0.3
    prediction = np.where(wrong, 1 - label, label)
    parts = np.stack([prediction * label, prediction, label], axis=1)
    combine = METRICS[name].combine
    found = resample(parts[None, None], combine, 2000, named_generator("x"), clusters)
    assert found.by_replicate[0, 0] == pytest.approx(float(combine(parts.mean(axis=0))))
    assert found.values.mean() == pytest.approx(found.by_replicate[0, 0])
    left_out = [combine(parts[clusters != cluster].mean(axis=0)) for cluster in range(60)]
    jackknife = np.var(left_out) * 59
    assert found.values.var(ddof=1) / 60 == pytest.approx(jackknife, rel=0.1)
    assert found.scores()[0].var() == pytest.approx(jackknife, rel=0.15)


def curve_of(scores: Floats, *, fixed: bool = True, **options: Any) -> Curve:
    """Return the curve of scores (masks, replicates, examples) at 10 %, 20 % …"""
    settings = Settings(epsilons=(), relative_epsilons=(), resamples=300)
    parts = scores[..., None]
    runs = [{None: of_mask[0]} for of_mask in parts] if fixed else parts
    drawn = Scores.of(runs, first, settings, named_generator("x"), **options)
    sparse = range(1, len(scores))
    return drawn.curve([index / 10 for index in sparse], sparse)


def answers(examples: int, *drops: float) -> Floats:
    """Return (masks, 1, examples), 80 % right; each mask turns single answers wrong."""
    return np.array(
        [[100.0 * (np.arange(examples) < 0.01 * (80 - drop) * examples)] for drop in (0, *drops)]
    )


def test_an_evaluation_for_which_nothing_is_drawn_is_certified() -> None:
    scores = answers(4000, 0.0, 0.2, 5.0)
    (row,) = curve_of(scores).essential_rows()
    assert (row["certified"], row["uncertified_because"]) == (0.2, None)
    assert (row["unit"], row["units"]) == ("examples", 4000)
    assert curve_of(scores).p_values(1.0)[2] == 1
    (row,) = curve_of(scores, fixed=False).essential_rows()
    assert row["uncertified_because"] == "one seed does not tell how much seeds differ"
    assert curve_of(scores, fixed=False).p_values(1.0) == [None] * 3


def test_a_few_windows_certify_nothing_however_many_tokens_they_have() -> None:
    """Where tokens of a window go together; where they do not, they are evidence each."""
    scores = answers(16 * 512, 0.0)
    (as_tokens,) = curve_of(scores).essential_rows()
    assert as_tokens["certified"] == 0.1
    apart = np.tile(np.arange(16), 512)
    (row,) = curve_of(scores, clusters=apart, unit="windows").essential_rows()
    assert row["certified"] == 0.1
    together = np.argsort(np.argsort(scores[0, 0], kind="stable")) // 512
    (row,) = curve_of(scores, clusters=together, unit="windows").essential_rows()
    assert row["certified"] is None
    assert row["uncertified_because"] == (
        "16 windows, worth 16 independent examples, are too few for 1 point, even if no answer "
        "changed"
    )
    assert (row["unit"], row["units"]) == ("windows", 16)


def test_the_certificates_floor_is_a_drop_of_independent_examples() -> None:
    """As many as the design effect leaves: all equal, answers are as good as one a cluster."""
    scores = answers(4000, 0.0)
    (alone,) = curve_of(scores).p_values(1.0)
    (paired,) = curve_of(scores, clusters=np.arange(4000) // 4).p_values(1.0)
    assert alone is not None and paired is not None
    dense = scores[0].mean(axis=0)
    count = effective_examples(np.full(1000, 4.0), design_effect(dense, np.arange(4000) // 4))
    assert 1000 <= count < 4000
    # One point over the deviation of a drop of one point by as many.
    assert alone == pytest.approx(stats.norm.cdf(-1 / np.sqrt(99 / 4000)), abs=1e-6)
    assert paired == pytest.approx(stats.norm.cdf(-1 / np.sqrt(99 / count)), rel=1e-3)


def test_a_design_effect_is_what_clusters_cost() -> None:
    """Held against the textbook's 1 + (m − 1)ρ, with the bound's χ² on top."""
    rng = np.random.default_rng(0)
    clusters = np.arange(2000).repeat(10)
    for correlation in (0.0, 0.3):
        common = np.sqrt(correlation) * rng.standard_normal(2000)[clusters]
        values = common + np.sqrt(1 - correlation) * rng.standard_normal(20000)
        bound = 2000 / stats.chi2.ppf(0.05, 1999)
        expected = (1 + 9 * correlation) * bound
        assert design_effect(values, clusters) == pytest.approx(expected, rel=0.06)
    # Few clusters know it badly, one not at all, and neither do values that are all equal.
    assert design_effect(values[:160], clusters[:160]) > 1.5 * 3.7 / 2
    assert design_effect(values[:10], clusters[:10]) == np.inf
    assert design_effect(np.ones(20), clusters[:20]) == np.inf


def test_clusters_count_no_less_than_as_wholes() -> None:
    assert effective_examples(np.full(20, 7.0), np.inf) == pytest.approx(20)
    assert effective_examples(np.full(20, 7.0), 2.0) == pytest.approx(70)
    sizes = np.array([1.0] * 300 + [300.0])
    assert effective_examples(sizes, np.inf) == pytest.approx(600**2 / (300 + 300**2))
    assert too_few(1.0, 0.95, sizes, "passages", np.inf) == (
        "301 passages, worth 4 independent examples, are too few for 1 point, even if no answer "
        "changed"
    )
    assert too_few(1.0, 0.95, np.ones(299), "examples", 1.0) is None
    assert too_few(1.0, 0.95, np.ones(298), "examples", 1.0) is not None


def test_a_run_for_which_nothing_is_drawn_is_paired_with_every_draw() -> None:
    """Dense and one-shot are evaluated once; masks of three draws of calibration, three times."""
    parts = answers(1000, 1.0, 2.0)[..., None]
    others = [np.roll(parts[2, 0], 10 * draw, axis=0) for draw in range(3)]
    runs = [{None: parts[0, 0]}, {None: parts[1, 0]}, dict(enumerate(others))]
    scores = Scores.of(runs, first, Settings(resamples=300), named_generator("x"))
    alone = Scores.of(runs[:2], first, Settings(resamples=300), named_generator("x"))
    assert scores.fixed == {0, 1}
    np.testing.assert_allclose(scores.drops[:2], alone.drops)
    np.testing.assert_allclose(scores.drop_samples[1], alone.drop_samples[1])
    np.testing.assert_allclose(scores.p_values(2.0)[1], alone.p_values(2.0)[1])
    assert scores.replicates[2] == 3
    (row,) = scores.difference_rows([(2, 1)])
    assert row["difference"] == pytest.approx(-1)
    assert row["difference_low"] < -1 < row["difference_high"]


def test_what_does_not_fit_is_named() -> None:
    scores = np.zeros((2, 2, 5, 1))
    with pytest.raises(ValueError, match="clusters: 4 of 5 examples"):
        Scores.of(scores, first, Settings(), named_generator("x"), clusters=np.arange(4))
