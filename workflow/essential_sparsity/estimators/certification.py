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
    """Tell whether a dense model is better than one and the same answer to everything.

    Where it is not, there is nothing to lose, and a drop means nothing.

    Args:
        score_low: the lower bound of its score.
        constant: the best such answer's score; None where there is no such answer.
    """
    return constant is None or bool(score_low > constant)


def effective_units(sizes: Floats) -> float:
    """Return as how many units of equal size these count (Kish 1965): (Σn)²/Σn².

    Args:
        sizes: (units,), how many examples each is: all 1, or those of clusters.
    """
    return float(sizes.sum() ** 2 / np.square(sizes).sum())


def p_noninferior(drops: Floats, spread: Spread, epsilon: float, units: float) -> Floats:
    """Return the p-values (…) of the hypotheses that the true drops are `epsilon` or more.

    The variance is held above that of a drop of `epsilon` by as many units that turn wrong as a
    whole, the same ones in every replicate, and the p-value above the probability that none of the
    units shows it: else a mask that happens to change no answer would be certified by few.

    Args:
        drops: (…) mean drops over replicates and examples, in points.
        spread: theirs.
        epsilon: in points, below 100.
        units: see `effective_units`.
    """
    floor = epsilon * (100 - epsilon) / units
    p_values = spread.probability_below(epsilon - drops, floor)
    return np.maximum(p_values, _unseen(epsilon, units))


def _unseen(epsilon: float, units: float) -> float:
    """Return the probability that a drop of `epsilon` by whole units touches none of these."""
    return float((1 - epsilon / 100) ** units)


def too_few(epsilon: float, level: float, sizes: Floats, unit: str) -> str | None:
    """Return in words that units are too few to certify anything; None where they are not.

    Args:
        epsilon: of the tests, in points.
        level: of the certificate.
        sizes: see `effective_units`.
        unit: what units are called, "examples" say.
    """
    units = effective_units(sizes)
    if _unseen(epsilon, units) <= 1 - level:
        return None
    worth = f", worth {units:,.0f} of equal size," if sizes.min() < sizes.max() else ""
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
