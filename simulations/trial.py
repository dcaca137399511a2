"""One simulated data set, and what the estimators make of its curves."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from essential_sparsity.estimators.bootstrap import named_generator
from essential_sparsity.estimators.curve import Row, Scores
from essential_sparsity.estimators.settings import Settings
from essential_sparsity.estimators.spread import Floats
from simulations.truth import DENSE, EPSILON, ROUNDING, VALIDATED, Truth

CHANCE = 50.0

# Of the variance of what makes an answer right, the part that is the example's own: two runs of
# equal score then disagree on one answer in seven.
COMMON = 0.8


def settings_of(resamples: int) -> Settings:
    """Return the estimators' settings: one tolerance, the simulations' own."""
    return Settings(epsilon=EPSILON, epsilons=(), relative_epsilons=(), resamples=resamples)


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
class Bend:
    """What a data set told of a hinge: whether two intervals held their truths.

    They are the breakpoint's and the slope ratio's.
    """

    breakpoint: bool
    ratio: bool


@dataclass(frozen=True)
class Outcome:
    """What a data set told of one curve.

    Attributes:
        below, above: on which side the interval of the essential sparsity missed where the line
            through the grid's points turns.
        held: whether it held the true turning point.
        neighbours: whether the sparsities of the grid next to it did.
        bias: how much the estimate is above the true turning point; None where one of them lies off
            the grid.
        covered: the share of the grid's points whose drop was in its interval.
        certified: the sparsity; None where nothing could be tested.
        false: whether its true drop is ε or more.
        shape: what the turn was called.
        bend: of a hinge; None of other curves, and where there were too few points to fit one.
    """

    below: bool
    above: bool
    held: bool
    neighbours: bool
    bias: float | None
    covered: float
    certified: float | None
    false: bool
    shape: str
    bend: Bend | None


def run_trial(setting: Setting, resamples: int, number: int) -> dict[str, Outcome]:
    """Simulate the data set `number` of a setting; return curve → outcome.

    All curves are masks of one model: they share the dense runs, the examples and the resamples.
    """
    generator = named_generator("validation", str(setting), str(number))
    truths = list(VALIDATED.values())
    answers = draw_answers(truths, setting, generator)
    scores = Scores.of(answers, accuracy, settings_of(resamples), generator, CHANCE)
    ends = 1 + np.cumsum([len(truth.grid) for truth in truths])
    return {
        truth.name: _outcome(truth, scores, int(end) - len(truth.grid))
        for truth, end in zip(truths, ends, strict=True)
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
    variate = np.float32(np.sqrt(COMMON)) * example + np.float32(np.sqrt(1 - COMMON)) * own
    answers: Floats = 100.0 * (variate < ndtri(np.clip(by_run, 1e-6, 1 - 1e-6)))
    return answers[..., None]


def _outcome(truth: Truth, scores: Scores, first: int) -> Outcome:
    curve = scores.curve(truth.grid, range(first, first + len(truth.grid)))
    (row,) = curve.essential_rows()
    sharpness = curve.sharpness_row()
    on_grid, turn = truth.turn_on_grid, truth.turn
    estimate, low, high = (sparsity_of(row, name) for name in ("estimate", "low", "high"))
    drops_low, drops_high = zip(*map(scores.interval, curve.samples), strict=True)
    return Outcome(
        below=on_grid < low - ROUNDING,
        above=on_grid > high + ROUNDING,
        held=holds(turn, low, high),
        neighbours=holds(turn, *truth.neighbours(low, high)),
        bias=estimate - turn if np.isfinite([estimate, turn]).all() else None,
        covered=float(((drops_low <= truth.drops) & (truth.drops <= drops_high)).mean()),
        certified=row["certified"],
        false=truth.is_false(row["certified"]),
        shape=sharpness["shape"],
        bend=_bend(truth, sharpness),
    )


def _bend(truth: Truth, row: Row) -> Bend | None:
    """Return what the columns of `sharpness` say of a hinge."""
    if truth.hinge is None or row["breakpoint"] is None:
        return None
    found = {
        name: holds(value, row[f"{name}_low"], row[f"{name}_high"])
        for name, value in (("breakpoint", truth.hinge.at), ("slope_ratio", truth.hinge.ratio))
    }
    return Bend(found["breakpoint"], found["slope_ratio"])


def holds(value: float, low: float, high: float) -> bool:
    """Tell whether an interval holds a value, up to what floating point may move."""
    return low - ROUNDING <= value <= high + ROUNDING


def sparsity_of(row: Row, name: str) -> float:
    """Return a sparsity of `essential`, infinite where it is censored."""
    ends = {"": row[name], "above": np.inf, "below": -np.inf}
    return float(ends[row[f"{name}_censored"]])
