"""Measures of how similar two keep masks are, each a function of four counts.

Of n weights one mask keeps kₐ and removes rₐ = n − kₐ, the other keeps k_b and removes r_b, and
both keep k. Masks that share nothing but chance are alike already: they keep kₐ·k_b/n weights
together on average, and two of sparsity s have the cosine 1 − s. So each measure comes with its
chance level, what two random masks that keep as many weights would have.

All arguments are counts, arrays of one shape; results are float64 of that shape, NaN where a
measure is not defined.
"""

import numpy as np
import numpy.typing as npt

from essential_sparsity.similarity.counts import Counts

Floats = npt.NDArray[np.float64]


def cosine(kept_a: Counts, kept_b: Counts, both: Counts) -> Floats:
    """Return k/√(kₐ·k_b), the cosine of the two keep masks (paper, Figure 10).

    Not defined where a mask keeps nothing.
    """
    return _divide(both, np.sqrt(_product(kept_a, kept_b)))


def chance_cosine(weights: Counts, kept_a: Counts, kept_b: Counts) -> Floats:
    """Return √(kₐ·k_b)/n, the mean cosine of random masks: 1 − s if both have sparsity s.

    Not defined where a mask keeps nothing.
    """
    level = np.sqrt(_product(kept_a, kept_b)) / weights
    return np.where(level > 0, level, np.nan)


def kappa(weights: Counts, kept_a: Counts, kept_b: Counts, both: Counts) -> Floats:
    """Return κ = (cosine − chance)/(1 − chance): 1 for equal masks, 0 on average for random ones.

    Of masks of one sparsity s it is (cosine − (1 − s))/s, and the same as Cohen's κ. Of two
    sparsities it stays below 1 even where the masks are nested. Not defined where a mask keeps all
    or nothing, as the counts alone then decide what both keep.
    """
    free = _is_free(weights, kept_a) & _is_free(weights, kept_b)
    return _above_chance(cosine(kept_a, kept_b, both), chance_cosine(weights, kept_a, kept_b), free)


def chance_cosine_by_layer(weights: Counts, kept_a: Counts, kept_b: Counts) -> Floats:
    """Return the mean cosine of random masks that keep as many weights of every matrix.

    That is Σ kₐ·k_b/n over the matrices, divided by √(Σ kₐ · Σ k_b). Arguments have the matrices
    along the first axis, which the result lacks. Not defined where a mask keeps nothing at all.
    """
    both = (_product(kept_a, kept_b) / weights).sum(axis=0)
    return _divide(both, np.sqrt(_product(kept_a.sum(axis=0), kept_b.sum(axis=0))))


def kappa_by_layer(weights: Counts, kept_a: Counts, kept_b: Counts, both: Counts) -> Floats:
    """Return κ over the chance level of `chance_cosine_by_layer`: what layers don't explain.

    Arguments have the matrices along the first axis, which the result lacks. Not defined where of
    every matrix one of the masks keeps all or nothing.
    """
    free = np.any(_is_free(weights, kept_a) & _is_free(weights, kept_b), axis=0)
    level = chance_cosine_by_layer(weights, kept_a, kept_b)
    return _above_chance(
        cosine(kept_a.sum(axis=0), kept_b.sum(axis=0), both.sum(axis=0)), level, free
    )


def overlap(weights: Counts, kept_a: Counts, kept_b: Counts, both: Counts) -> Floats:
    """Return the overlap coefficient of the removed sets: |A ∩ B| over the smaller one's size.

    1 where one lies in the other, as of nested masks. Not defined where a mask removes nothing.
    """
    removed_a, removed_b = weights - kept_a, weights - kept_b
    return _divide(_both_removed(weights, kept_a, kept_b, both), np.minimum(removed_a, removed_b))


def chance_overlap(weights: Counts, kept_a: Counts, kept_b: Counts) -> Floats:
    """Return the mean overlap coefficient of random masks: the larger of the two sparsities.

    Not defined where a mask removes nothing.
    """
    removed_a, removed_b = weights - kept_a, weights - kept_b
    level = np.maximum(removed_a, removed_b) / weights
    return np.where(np.minimum(removed_a, removed_b) > 0, level, np.nan)


def jaccard(weights: Counts, kept_a: Counts, kept_b: Counts, both: Counts) -> Floats:
    """Return the Jaccard index of the removed sets, |A ∩ B|/|A ∪ B|.

    Not defined where neither mask removes anything.
    """
    shared = _both_removed(weights, kept_a, kept_b, both)
    return _divide(shared, weights - kept_a + weights - kept_b - shared)


def chance_jaccard(weights: Counts, kept_a: Counts, kept_b: Counts) -> Floats:
    """Return the Jaccard index of removed sets that share rₐ·r_b/n, the random masks' mean.

    Not defined where neither mask removes anything.
    """
    removed_a, removed_b = weights - kept_a, weights - kept_b
    shared = _product(removed_a, removed_b) / weights
    return _divide(shared, removed_a + removed_b - shared)


def hamming(kept_a: Counts, kept_b: Counts, both: Counts) -> Counts:
    """Return how many weights one mask keeps and the other removes."""
    return kept_a + kept_b - 2 * both


def nesting_violations(kept_a: Counts, kept_b: Counts, both: Counts) -> Counts:
    """Return how many weights of each matrix the sparser mask keeps and the denser one removes.

    0 everywhere where masks are nested. Arguments and result have the matrices along the first
    axis, and the sparser mask is the one that keeps fewer weights of all of them together; where
    both keep as many, the first one is taken for it, and over all matrices the second one would
    give the same.
    """
    sparser = np.where(kept_a.sum(axis=0) <= kept_b.sum(axis=0), kept_a, kept_b)
    return sparser - both


def _both_removed(weights: Counts, kept_a: Counts, kept_b: Counts, both: Counts) -> Counts:
    return weights - kept_a - kept_b + both


def _is_free(weights: Counts, kept: Counts) -> npt.NDArray[np.bool_]:
    """Tell where a mask had a choice: it keeps some weights and removes some."""
    return (kept > 0) & (kept < weights)


def _product(one: Counts, other: Counts) -> Floats:
    """Multiply as floats: counts of large models squared do not fit into 64 bits."""
    product: Floats = one.astype(np.float64) * other.astype(np.float64)
    return product


def _above_chance(value: Floats, chance: Floats, defined: npt.NDArray[np.bool_]) -> Floats:
    return _divide(value - chance, np.where(defined, 1 - chance, 0))


def _divide(dividend: npt.ArrayLike, divisor: npt.ArrayLike) -> Floats:
    """Divide, with NaN where the divisor is 0."""
    divisor = np.asarray(divisor, np.float64)
    nothing = np.full(np.broadcast_shapes(np.shape(dividend), divisor.shape), np.nan)
    quotient: Floats = np.divide(dividend, divisor, out=nothing, where=divisor > 0)
    return quotient
