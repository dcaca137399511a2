"""Certified essential sparsities: one-sided tests of non-inferiority, up the grid in fixed order.

At a sparsity the hypothesis is that the drop is ε or more. Where the test refuses it at level α,
the sparsity is certified and the next larger one is tested; the first that is not refused ends the
sequence. A false certificate needs the first sparsity whose drop is ε or more to pass a single test
of level α: so the order, which the data have no part in, keeps the probability of any at α without
a correction for many tests (Westfall and Krishen 2001).
"""

import numpy as np

from essential_sparsity.estimators.spread import Floats, Spread
from essential_sparsity.estimators.words import Censoring, in_points

ONE_SEED = "one seed does not tell how much seeds differ"


def is_learnt(score_low: float, constant: float | None) -> bool:
    """Tell whether a dense model is better than a constant answer.

    Where it is not, there is nothing to lose, and a drop means nothing.

    Args:
        score_low: the lower bound of its score.
        constant: the best such answer's score; None where there is no such answer.
    """
    return constant is None or bool(score_low > constant)


def effective_examples(sizes: Floats, design: float) -> float:
    """Return as how many independent examples these count (Kish 1965).

    That is their number over the design effect, and no less than clusters of equal size would be,
    (Σn)²/Σn²: whole ones may turn wrong together.

    Args:
        sizes: (units,), how many examples each is: all 1, or those of clusters.
        design: see `bootstrap.design_effect`.
    """
    return max(float(sizes.sum() ** 2 / np.square(sizes).sum()), float(sizes.sum()) / design)


def p_noninferior(drops: Floats, spread: Spread, epsilon: float, examples: float) -> Floats:
    """Return the p-values (…) of the hypotheses that the true drops are `epsilon` or more.

    The variance is held above that of a drop of `epsilon` by examples that turn wrong, the same
    ones in every replicate, and the p-value above the probability that none of them shows it: else
    a mask that happens to change no answer would be certified by few.

    Args:
        drops: (…) mean drops over replicates and examples, in points.
        spread: theirs.
        epsilon: in points, below 100.
        examples: that are independent; see `effective_examples`.
    """
    floor = epsilon * (100 - epsilon) / examples
    p_values = spread.probability_below(epsilon - drops, floor)
    return np.maximum(p_values, _unseen(epsilon, examples))


def _unseen(epsilon: float, examples: float) -> float:
    """Return the probability that a drop of `epsilon` touches none of these examples."""
    return float((1 - epsilon / 100) ** examples)


def too_few(epsilon: float, level: float, sizes: Floats, unit: str, design: float) -> str | None:
    """Return in words that units are too few to certify anything; None where they are not.

    Args:
        epsilon: of the tests, in points.
        level: of the certificate.
        sizes, design: see `effective_examples`.
        unit: what units are called, "examples" say.
    """
    examples = effective_examples(sizes, design)
    if _unseen(epsilon, examples) <= 1 - level:
        return None
    worth = f", worth {examples:,.0f} independent examples," if sizes.max() > 1 else ""
    return (
        f"{len(sizes):,} {unit}{worth} are too few for {in_points(epsilon)}, even if no answer "
        "changed"
    )


def certify(sparsities: Floats, p_values: Floats, level: float) -> tuple[float, Censoring]:
    """Return the largest certified sparsity, 0 if the first is not; "above" if the whole grid is.

    Args:
        sparsities: (points,), increasing, positive.
        p_values: (points,); see `p_noninferior`.
        level: the probability that no certificate is false, 0.95 say.
    """
    passed = p_values <= 1 - level
    if passed.all():
        return float(sparsities[-1]), "above"
    count = int(passed.argmin())
    return float(sparsities[count - 1]) if count else 0.0, ""
