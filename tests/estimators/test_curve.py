from typing import Any

import numpy as np
import pytest

from essential_sparsity.estimators.bootstrap import named_generator
from essential_sparsity.estimators.curve import Curve, Scores, essential_sparsity
from essential_sparsity.estimators.settings import Settings
from essential_sparsity.estimators.spread import Floats


def _samples(drops: list[float], noise: float, resamples: int = 2001) -> np.ndarray:
    """Resamples that shift the whole curve evenly within ± `noise`, the median one not at all."""
    return np.array(drops)[:, None] + np.linspace(-noise, noise, resamples)


GRID = np.array([0.1, 0.3, 0.5, 0.7])


def _estimate(drops: list[float], noise: float, epsilon: float = 1.0) -> dict[str, Any]:
    return essential_sparsity(
        GRID, np.array(drops), _samples(drops, noise), np.ones(4), epsilon=epsilon, confidence=0.9
    )


def test_essential_sparsity_with_a_shifted_curve() -> None:
    row = _estimate([0, 0.5, 2.5, 4.5], noise=0.5)
    assert row["estimate"] == pytest.approx(0.35)
    # A curve 0.45 points up or down (90 % of ± 0.5) crosses 0.045 earlier or later.
    assert row["low"] == pytest.approx(0.305, abs=2e-4)
    assert row["high"] == pytest.approx(0.395, abs=2e-4)
    assert row["resolution"] == pytest.approx(0.45, abs=1e-3)
    assert row["resolved"] is True
    assert {row[f"{k}_censored"] for k in ("estimate", "low", "high", "first_crossing")} == {""}


def test_the_wider_of_the_points_beside_the_estimate_says_what_is_resolved() -> None:
    drops, noise = np.array([0, 0.5, 2.5, 4.5]), np.array([9.0, 0.1, 2.0, 9.0])
    samples = drops[:, None] + noise[:, None] * np.linspace(-1, 1, 2001)

    def estimate(drops: Floats) -> dict[str, Any]:
        return essential_sparsity(GRID, drops, samples, np.ones(4), epsilon=1.0, confidence=0.9)

    between = estimate(drops)
    assert between["estimate"] == pytest.approx(0.35), "nearer to 0.3"
    assert between["resolution"] == pytest.approx(0.9 * 2.0, abs=1e-2)
    assert between["resolved"] is False
    there = estimate(np.array([0, 1.0, 2.5, 4.5]))
    assert there["estimate"] == pytest.approx(0.3)
    assert there["resolution"] == pytest.approx(0.9 * 0.1, abs=1e-2)


@pytest.mark.parametrize(
    ("drops", "resolved"),
    [([9, 12, 15, 20], True), ([-9, -8, -7, -6], True), ([0, 0.5, 2.5, 4.5], False)],
)
def test_what_is_beyond_an_end_as_a_whole_is_resolved(drops: list[float], resolved: bool) -> None:
    row = _estimate(drops, noise=1.5)
    assert row["resolution"] > 1
    assert row["resolved"] is resolved


def test_a_larger_epsilon_lies_further_out() -> None:
    row = _estimate([0, 0.5, 2.5, 4.5], noise=0.5, epsilon=2)
    assert row["estimate"] == pytest.approx(0.45)


@pytest.mark.parametrize(
    ("drops", "noise", "estimate", "low", "high"),
    [
        ([0, 0, 0.2, 0.5], 0.1, (0.7, "above"), (0.7, "above"), (0.7, "above")),
        ([0, 0, 0.4, 0.8], 0.4, (0.7, "above"), (0.62, ""), (0.7, "above")),
        ([0, 0, 0.2, 1.1], 0.4, (0.678, ""), (0.598, ""), (0.7, "above")),
        ([1.3, 3, 5, 9], 0.4, (0.1, "below"), (0.1, "below"), (0.107, "")),
        ([0.9, 2.9, 5, 9], 0.4, (0.11, ""), (0.1, "below"), (0.146, "")),
        ([2, 3, 5, 9], 0.4, (0.1, "below"), (0.1, "below"), (0.1, "below")),
    ],
)
def test_censoring_at_both_ends(
    drops: list[float],
    noise: float,
    estimate: tuple[float, str],
    low: tuple[float, str],
    high: tuple[float, str],
) -> None:
    row = _estimate(drops, noise)
    expected = {"estimate": estimate, "low": low, "high": high}
    for name, (value, censored) in expected.items():
        assert row[name] == pytest.approx(value, abs=0.002), name
        assert row[f"{name}_censored"] == censored, name


def test_non_monotone_curve_is_fitted_between_its_raw_crossings() -> None:
    row = _estimate([0, 1.5, 0.9, 4.0], noise=0.01)
    assert row["first_crossing"] == pytest.approx(0.1 + 0.2 / 1.5, abs=1e-6)
    assert row["last_crossing"] == pytest.approx(0.5 + 0.2 * 0.1 / 3.1, abs=1e-6)
    # The two middle points are pooled to 1.2.
    assert row["estimate"] == pytest.approx(0.1 + 0.2 / 1.2, abs=1e-6)

    assert row["crossings_differ"] is True
    assert _estimate([0, 0.5, 2.5, 4.5], noise=0.5)["crossings_differ"] is False


def test_the_intervals_upper_end_is_where_unfitted_resamples_last_cross() -> None:
    """A fit draws the plateau's end up by what is before it; the interval must not follow."""
    drops = np.array([0, 1.5, 0.9, 4.0])
    samples = np.repeat(drops[:, None], 100, axis=1)
    row = essential_sparsity(GRID, drops, samples, np.ones(4), epsilon=1, confidence=0.9)
    assert row["low"] == row["estimate"] == pytest.approx(0.1 + 0.2 / 1.2)
    assert row["high"] == row["last_crossing"] == pytest.approx(0.5 + 0.2 * 0.1 / 3.1)


def _curve(answers: Floats, constant: float | None = None, **settings: Any) -> Curve:
    """The curve of answers (masks, seeds, examples) in points, at sparsities 0.1, 0.2 …"""
    scores = Scores.of(
        answers[..., None], lambda means: means[..., 0], Settings(**settings),
        named_generator("x"), constant,
    )  # fmt: skip
    sparse = range(1, len(answers))
    return scores.curve([index / 10 for index in sparse], sparse)


def _runs(*drops: float, seeds: int = 3, examples: int = 1000, noise: float = 0.2) -> Floats:
    """Answers 80 % right in the dense run; each drop takes the next share of right ones away."""
    rng = np.random.default_rng(4)
    rights = 800 - 10 * np.array([0, *drops])
    by_run = (rights[:, None] + rng.normal(0, 10 * noise, (len(rights), seeds))) * examples / 1000
    return 100.0 * (np.arange(examples) < np.round(by_run)[..., None])


def _main(curve: Curve) -> dict[str, Any]:
    return next(row for row in curve.essential_rows() if row["main"])


def test_points_weigh_by_the_inverse_of_their_variance() -> None:
    answers = _runs(0, 1.5, 0.9, 4, noise=0)
    answers[2] = np.roll(answers[2], 300, axis=1)  # as many right answers, of other examples
    curve = _curve(answers)
    variance = (np.mean(answers[0] - answers[1:], axis=1)).var(axis=1, ddof=1) / 1000
    np.testing.assert_allclose(curve.weights, 1 / np.maximum(variance, 0.05**2))
    # Of the two middle points, the second is the surer by far and decides the fit.
    assert 0.3 < _main(curve)["estimate"] < 0.34


def test_the_variance_of_few_examples_has_a_floor() -> None:
    curve = _curve(_runs(0, 10, 10, examples=20, noise=0))
    # The first mask changes no answer: no noise is seen, and half an example is assumed.
    assert curve.weights[0] == pytest.approx(1 / 2.5**2)


def test_the_sweep_has_one_main_tolerance_and_none_twice() -> None:
    rows = list(_curve(_runs(0, 0.3, 1.5, 3)).essential_rows())
    assert [(row["tolerance"], row["main"], row["relative"]) for row in rows] == [
        ("1 point", True, False), ("0.5 points", False, False), ("2 points", False, False),
        ("1 % of dense", False, True),
    ]  # fmt: skip
    dense = rows[0]["dense_score"]
    assert [row["epsilon"] for row in rows] == [1, 0.5, 2, pytest.approx(dense / 100)]
    assert rows[1]["estimate"] < rows[3]["estimate"] < rows[0]["estimate"] < rows[2]["estimate"]


def test_certificates_end_at_the_first_failure_and_go_with_the_tolerance() -> None:
    # 0, 0, 3 and again 0 points: nothing above the failure can be certified.
    rows = list(_curve(_runs(0, 0, 3, 0), epsilons=(5.0,), relative_epsilons=()).essential_rows())
    assert [(row["certified"], row["certified_censored"]) for row in rows] == [
        (0.2, ""), (0.4, "above"),
    ]  # fmt: skip
    assert _main(_curve(_runs(3, 4)))["certified"] == 0
    assert {(row["certification_level"], row["uncertified_because"]) for row in rows} == {
        (0.95, None)
    }


@pytest.mark.parametrize(
    ("answers", "constant", "because"),
    [
        (_runs(0, 0, seeds=1), None, "one seed does not tell how much seeds differ"),
        (
            _runs(0, 0, examples=200, noise=0),
            None,
            "200 examples are too few for 1 point, even if no answer changed",
        ),
        (_runs(0, 0), 80.0, "the dense model is no better than a constant answer"),
    ],
)
def test_what_cannot_be_tested_says_why(
    answers: Floats, constant: float | None, because: str
) -> None:
    row = _main(_curve(answers, constant))
    assert row["certified"] is None and row["certified_censored"] == ""
    assert row["uncertified_because"].startswith(because)


def test_drops_are_normalised_by_what_there_is_to_lose() -> None:
    curve = _curve(_runs(0, 6, noise=0), constant=50.0)
    dense, _, sparse = (curve.scores.drop_row(index) for index in range(3))
    names = ("normalised_drop", "normalised_drop_low", "normalised_drop_high")
    assert [dense[name] for name in names] == [0, 0, 0]
    assert sparse["normalised_drop"] == pytest.approx(6 / 30)
    assert 0.14 < sparse["normalised_drop_low"] < 0.2 < sparse["normalised_drop_high"] < 0.26
    for constant in (None, 80.0):
        row = _curve(_runs(0, 6, noise=0), constant).scores.drop_row(1)
        assert [row[name] for name in names] == [None] * 3


def _scores(scores: Floats) -> Scores:
    settings = Settings(resamples=100)
    return Scores.of(scores[..., None], lambda m: m[..., 0], settings, named_generator("x"))


@pytest.mark.parametrize(
    ("at", "value"), [((1, 0, 2), np.nan), ((0, 1, 4), np.inf), ((2, 1, 0), -np.inf)]
)
def test_a_score_that_is_no_number_is_named(at: tuple[int, int, int], value: float) -> None:
    scores = np.zeros((3, 2, 5))
    scores[at] = value
    line = "mask {}, seed {}, example {} .*: not a finite score".format(*at)
    with pytest.raises(ValueError, match=line):
        _scores(scores)


@pytest.mark.parametrize("shape", [(0, 2, 5), (3, 0, 5), (3, 2, 0)])
def test_scores_of_nothing_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="one or more each"):
        _scores(np.zeros(shape))


@pytest.mark.parametrize("sparsities", [[0.5, 0.1], [0.1, 0.1], [0.0, 0.5], [0.1, np.nan]])
def test_sparsities_must_increase(sparsities: list[float]) -> None:
    with pytest.raises(ValueError, match="sparsities do not increase from above 0"):
        _scores(np.zeros((3, 2, 5))).curve(sparsities, [1, 2])


def test_there_are_as_many_sparsities_as_masks_and_more_than_none() -> None:
    scores = _scores(np.zeros((3, 2, 5)))
    with pytest.raises(ValueError, match="1 sparsities of 2 masks"):
        scores.curve([0.5], [1, 2])
    with pytest.raises(ValueError, match="no sparse masks"):
        next(scores.curve([], []).essential_rows())


def test_no_drop_is_larger_than_bounds_of_scores_allow() -> None:
    scores = np.full((2, 2, 50, 1), 50.0)
    scores[1, 0] = 90.0  # two seeds that differ by 80 points: t of one degree of freedom
    scores[1, 1] = 10.0
    drawn = Scores.of(
        scores, lambda m: m[..., 0], Settings(), named_generator("x"), bounds=(0, 100)
    )
    row = drawn.drop_row(1)
    assert (row["drop_low"], row["drop_high"]) == (-50, 50)
