"""Every metric by hand, as the library computes it, and as the function of means that it is."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from essential_sparsity.metrics import METRICS


def table(prediction: list[Any], label: list[Any]) -> pa.Table:
    return pa.table({"prediction": prediction, "label": label})


# 3 found of 4 positives, 2 of 6 negatives taken for positive: TP 3, FN 1, FP 2, TN 4.
CLASSES = table([1, 1, 1, 0, 1, 1, 0, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
# Means 3 and 2; deviations -2 -1 0 3 and -1 0 -1 2: covariance 8, squares 14 and 6.
NUMBERS = table([1.0, 2.0, 3.0, 6.0], [1.0, 2.0, 1.0, 4.0])
SPANS = pa.table({"f1": [1.0, 0.5, 0.0, 0.8], "exact": [1, 0, 0, 0]})

BY_HAND = {
    "accuracy": (CLASSES, 70.0),
    "f1": (CLASSES, 100 * 2 * 3 / (2 * 3 + 1 + 2)),
    "matthews": (CLASSES, 100 * (3 * 4 - 2 * 1) / (5 * 4 * 6 * 5) ** 0.5),
    "pearson": (NUMBERS, 100 * 8 / (14 * 6) ** 0.5),
    # Ranks 1 2 3 4 and 1.5 3 1.5 4: deviations -1.5 -.5 .5 1.5 and -1 .5 -1 1.5.
    "spearman": (NUMBERS, 100 * 3 / (5 * 4.5) ** 0.5),
    "span-f1": (SPANS, 57.5),
    "exact-match": (SPANS, 25.0),
}


def test_every_metric_is_worked_by_hand() -> None:
    assert set(BY_HAND) == set(METRICS)


@pytest.mark.parametrize("name", METRICS)
def test_by_hand(name: str) -> None:
    predictions, score = BY_HAND[name]
    metric = METRICS[name]
    assert metric.score(predictions) == pytest.approx(score)
    assert metric.combine(metric.parts(predictions).mean(axis=0)) == pytest.approx(score)


def _random(name: str, generator: np.random.Generator) -> pa.Table:
    size = int(generator.integers(2, 60))
    if METRICS[name].reads == "classes":
        label = generator.integers(0, 2, size)
        return table(np.where(generator.random(size) < 0.8, label, 1 - label), label)
    if METRICS[name].reads == "numbers":
        label = np.round(5 * generator.random(size), 1)  # with ties
        return table(label + generator.normal(0, 2, size), label)
    return pa.table({"f1": generator.random(size), "exact": generator.integers(0, 2, size)})


@pytest.mark.parametrize("name", METRICS)
def test_the_library_and_the_means_agree(name: str) -> None:
    metric, generator = METRICS[name], np.random.default_rng(5)
    for _ in range(50):
        predictions = _random(name, generator)
        means = metric.parts(predictions).mean(axis=0)
        assert metric.combine(means) == pytest.approx(metric.score(predictions), abs=1e-9)


@pytest.mark.parametrize("name", METRICS)
def test_many_means_are_combined_at_once(name: str) -> None:
    metric, generator = METRICS[name], np.random.default_rng(6)
    means = np.array(
        [[metric.parts(_random(name, generator)).mean(axis=0) for _ in range(3)] for _ in range(2)]
    )
    found = metric.combine(means)
    assert found.shape == (2, 3)
    assert found[1, 2] == pytest.approx(metric.combine(means[1, 2]))


@pytest.mark.parametrize(
    ("name", "prediction", "label", "score"),
    [
        ("accuracy", [1, 1], [0, 0], 0),
        ("f1", [0, 0, 0, 0], [1, 0, 0, 1], 0),  # nothing found
        ("f1", [1, 1, 1, 1], [1, 0, 0, 1], 200 / 3),
        ("f1", [0, 0], [0, 0], 0),  # nothing to be found
        ("matthews", [0, 0, 0, 0], [1, 0, 0, 1], 0),
        ("matthews", [1, 1, 1], [1, 0, 0], 0),
        ("matthews", [1, 0, 1], [1, 1, 1], 0),
        ("matthews", [1, 1], [1, 1], 0),
        ("pearson", [0.1, 0.1, 0.1], [1.0, 2.0, 4.0], 0),
        ("pearson", [1.0, 2.0, 4.0], [0.1, 0.1, 0.1], 0),
        ("spearman", [0.1, 0.1, 0.1], [1.0, 2.0, 4.0], 0),
        ("spearman", [1.0, 2.0, 4.0], [3.0, 3.0, 3.0], 0),
        ("pearson", [2.5], [1.0], 0),
    ],
)
# Scikit-learn says aloud that there was one class.
@pytest.mark.filterwarnings("ignore:A single label was found")
def test_where_nothing_varies_there_is_no_correlation(
    name: str, prediction: list[Any], label: list[Any], score: float
) -> None:
    metric, predictions = METRICS[name], table(prediction, label)
    assert metric.score(predictions) == pytest.approx(score)
    assert metric.combine(metric.parts(predictions).mean(axis=0)) == pytest.approx(score, abs=1e-5)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_a_correlation_has_no_scale(scale: float) -> None:
    label = np.array([1.0, 2.0, 1.0, 4.0])
    predictions = table(1e-6 * label[::-1] + 3, scale * label)
    for name in ("pearson", "spearman"):
        metric = METRICS[name]
        assert metric.combine(metric.parts(predictions).mean(axis=0)) == pytest.approx(
            metric.score(predictions), abs=1e-5
        )


@pytest.mark.parametrize("name", METRICS)
def test_the_constant_answer_is_the_best_of_all_constant_answers(name: str) -> None:
    metric = METRICS[name]
    if metric.constant is None:
        assert metric.reads == "spans"
        return
    label = [0, 1, 1, 0, 0, 1, 0, 0] if metric.reads == "classes" else [0.5, 1.0, 3.0]
    scores = [metric.score(table([answer] * len(label), label)) for answer in set(label)]
    assert metric.constant(pa.table({"label": label})) == pytest.approx(max(scores))


def test_which_metrics_are_means_and_which_are_percentages() -> None:
    means = {name for name, metric in METRICS.items() if metric.is_mean}
    assert means == {"accuracy", "span-f1", "exact-match"}
    correlations = {name for name, metric in METRICS.items() if not metric.in_percent}
    assert correlations == {"matthews", "pearson", "spearman"}


def test_kept_ranks_miss_little_of_spearmans_spread() -> None:
    """Resamples that keep their ranks beside resamples that are ranked anew, at 0.85 in truth."""
    metric, generator = METRICS["spearman"], np.random.default_rng(2)
    label = generator.normal(size=600)
    prediction = 0.87 * label + np.sqrt(1 - 0.87**2) * generator.normal(size=600)
    parts = metric.parts(table(prediction, label))
    drawn = generator.integers(600, size=(400, 600))
    kept = [float(metric.combine(parts[rows].mean(axis=0))) for rows in drawn]
    anew = [metric.score(table(prediction[rows], label[rows])) for rows in drawn]
    assert np.mean(kept) == pytest.approx(np.mean(anew), abs=0.2)
    assert 0.85 < np.std(kept) / np.std(anew) <= 1.0
