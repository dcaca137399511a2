"""One simulated data set, and what the estimators make of its curves."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from essential_sparsity.statistics.bootstrap import named_generator
from essential_sparsity.statistics.curve import Row, Scores
from essential_sparsity.statistics.spec import StatisticsSpec
from essential_sparsity.statistics.spread import Floats
from simulations.truth import DENSE, EPSILON, GRID, TRUTHS, Truth

CHANCE = 50.0

# Of the variance of what makes an answer right, the part that is the example's own: two runs of
# equal score then disagree on one answer in seven.
_COMMON = 0.8

ROUNDING = 1e-9


def settings_of(resamples: int) -> StatisticsSpec:
    """Return the estimators' settings: one tolerance, the simulations' own."""
    return StatisticsSpec(epsilon=EPSILON, epsilons=(), relative_epsilons=(), resamples=resamples)


def accuracy(means: Floats) -> Floats:
    """Return the metric of means of parts (..., 1): the answers' own."""
    score: Floats = means[..., 0]
    return score


@dataclass(frozen=True)
class Setting:
    """How many seeds and examples; and the spread between seeds, in sampling errors of a score."""

    seeds: int
    examples: int
    spread: float


@dataclass(frozen=True)
class Outcome:
    """What a data set told of one curve.

    `below` and `above` say on which side the interval of the essential sparsity missed, `bias` by
    how much the estimate is above the true turning point (None where one of them lies off the
    grid), `covered` the share of the grid's points whose drop was in its interval. `certified` is
    None where nothing could be tested.
    """

    below: bool
    above: bool
    bias: float | None
    covered: float
    certified: float | None
    false: bool
    shape: str


def run_trial(setting: Setting, resamples: int, number: int) -> dict[str, Outcome]:
    """Simulate the data set `number` of a setting; return curve → outcome.

    All curves are masks of one model: they share the dense runs, the examples and the resamples.
    """
    generator = named_generator("validation", str(setting), str(number))
    truths = list(TRUTHS.values())
    answers = draw_answers(truths, setting, generator)
    scores = Scores.of(answers, accuracy, settings_of(resamples), generator, CHANCE)
    return {
        truth.name: _outcome(truth, scores, 1 + place * len(GRID))
        for place, truth in enumerate(truths)
    }


def draw_answers(truths: list[Truth], setting: Setting, generator: np.random.Generator) -> Floats:
    """Return answers (masks, seeds, examples, 1) in points: dense ones, then curve after curve.

    An answer is right where a normal variate, in part the example's and in part its own, is below
    the quantile of the run's probability; this varies normally from run to run.
    """
    rights = (DENSE - np.concatenate([[0.0], *(truth.drops for truth in truths)])) / 100
    error = np.sqrt(DENSE / 100 * (1 - DENSE / 100) / setting.examples)
    shape = (len(rights), setting.seeds, 1)
    by_run = rights[:, None, None] + generator.normal(0, setting.spread * error, shape)
    example = generator.standard_normal(setting.examples, dtype=np.float32)
    own = generator.standard_normal((*shape[:2], setting.examples), dtype=np.float32)
    variate = np.float32(np.sqrt(_COMMON)) * example + np.float32(np.sqrt(1 - _COMMON)) * own
    answers: Floats = 100.0 * (variate < ndtri(np.clip(by_run, 1e-6, 1 - 1e-6)))
    return answers[..., None]


def _outcome(truth: Truth, scores: Scores, first: int) -> Outcome:
    curve = scores.curve(GRID, range(first, first + len(GRID)))
    (row,) = curve.essential_rows()
    turn = truth.turn_on_grid
    estimate, certified = sparsity_of(row, "estimate"), row["certified"]
    within = (certified or 0) + ROUNDING >= GRID
    low, high = zip(*(scores.interval(samples) for samples in curve.samples), strict=True)
    return Outcome(
        below=turn < sparsity_of(row, "low") - ROUNDING,
        above=turn > sparsity_of(row, "high") + ROUNDING,
        bias=estimate - truth.turn if np.isfinite([estimate, truth.turn]).all() else None,
        covered=float(((low <= truth.drops) & (truth.drops <= high)).mean()),
        certified=certified,
        false=bool((truth.drops[within] >= EPSILON - ROUNDING).any()),
        shape=curve.sharpness_row()["shape"],
    )


def sparsity_of(row: Row, name: str) -> float:
    """Return a sparsity of `essential`, infinite where it is censored."""
    ends = {"": row[name], "above": np.inf, "below": -np.inf}
    return float(ends[row[f"{name}_censored"]])
