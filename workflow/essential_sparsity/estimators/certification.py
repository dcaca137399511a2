"""Certified essential sparsities: one-sided tests of non-inferiority, up the grid in fixed order.

At a sparsity the hypothesis is that the drop is ε or more. Where the test refuses it at level α,
the sparsity is certified and the next larger one is tested; the first that is not refused ends the
sequence. A false certificate needs the first sparsity whose drop is ε or more to pass a single test
of level α: so the order, which the data have no part in, keeps the probability of any at α without
a correction for many tests (Westfall and Krishen 2001).
"""

from dataclasses import dataclass

import numpy as np

from essential_sparsity.estimators.spread import Floats, Spread
from essential_sparsity.estimators.words import in_points

ONE_SEED = "one seed does not tell how much seeds differ"


def is_learnt(score_low: float, constant: float | None) -> bool:
    """Tell whether a dense model is better than one and the same answer to everything.

    Where it is not, there is nothing to lose, and a drop means nothing.

    Args:
        score_low: the lower bound of its score.
        constant: the best such answer's score; None where there is no such answer.
    """
    return constant is None or bool(score_low > constant)


@dataclass(frozen=True)
class Certificate:
    """The largest certified sparsity, 0 if the first is not; None where nothing can be tested.

    `censored` is "above" where the whole grid is certified; `because` says what None is due to.
    """

    sparsity: float | None
    censored: str = ""
    because: str | None = None


def p_noninferior(drops: Floats, spread: Spread, epsilon: float) -> Floats:
    """Return the p-values (…) of the hypotheses that the true drops are `epsilon` or more.

    The variance is held above that of a drop of `epsilon` by as many answers that turn wrong, on
    the same examples for every seed, and the p-value above the probability that none of the
    examples shows it: else a mask that happens to change no answer would be certified by few.

    Args:
        drops: (…) mean drops over seeds and examples, in points.
        spread: theirs.
        epsilon: in points, below 100.
    """
    floor = epsilon * (100 - epsilon) / spread.examples
    p_values = spread.probability_below(epsilon - drops, floor)
    return np.maximum(p_values, _unseen(epsilon, spread.examples))


def _unseen(epsilon: float, examples: int) -> float:
    """Return the probability that a drop of `epsilon` touches none of the examples."""
    return float((1 - epsilon / 100) ** examples)


def certify(
    sparsities: Floats, p_values: Floats, level: float, *, epsilon: float, seeds: int, examples: int
) -> Certificate:
    """Return the certificate of one curve.

    Args:
        sparsities: (points,), increasing, positive.
        p_values: (points,); see `p_noninferior`.
        level: the probability that no certificate is false, 0.95 say.
        epsilon: of the tests, in points.
        seeds, examples: how many are behind the tests.
    """
    if seeds == 1:
        return Certificate(None, because=ONE_SEED)
    if _unseen(epsilon, examples) > 1 - level:
        return Certificate(
            None,
            because=f"{examples:,} examples are too few for {in_points(epsilon)}, even if no "
            "answer changed",
        )
    passed = p_values <= 1 - level
    count = len(passed) if passed.all() else int(passed.argmin())
    if count == 0:
        return Certificate(0.0)
    return Certificate(
        float(sparsities[count - 1]), censored="above" if count == len(passed) else ""
    )
