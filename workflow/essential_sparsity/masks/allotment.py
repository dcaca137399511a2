"""Allotments: how many weights are removed of which matrices.

An allotment is a list of groups of matrices, each with the number of weights that are removed of it
as a whole: one group of all matrices for a global ranking, a group a matrix for the others.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from essential_sparsity.checkpoints.manifest import Matrix


@dataclass(frozen=True)
class Group:
    """Matrices, by their places in the order, and how many of their weights are removed."""

    matrices: tuple[int, ...]
    removed: int


Allotment = list[Group]


def removed_count(sparsity: float, total: int) -> int:
    """Return k = round(s·N)."""
    return round(sparsity * total)


def allot_globally(matrices: tuple[Matrix, ...], sparsity: float) -> Allotment:
    """Return one group of all matrices: exactly round(s·N) are removed of them together."""
    total = sum(matrix.size for matrix in matrices)
    return [Group(tuple(range(len(matrices))), removed_count(sparsity, total))]


def allot_by_layer(matrices: tuple[Matrix, ...], sparsity: float) -> Allotment:
    """Return a group a matrix: round(s·n) are removed of its n weights."""
    return [
        Group((index,), removed_count(sparsity, matrix.size))
        for index, matrix in enumerate(matrices)
    ]


def allot_by_erk(matrices: tuple[Matrix, ...], sparsity: float) -> Allotment:
    """Return a group a matrix, its density proportional to (in + out) / (in · out).

    The Erdős–Rényi–Kernel densities of Evci et al., *Rigging the Lottery* (2020), §3, for matrices.
    A matrix whose density would exceed 1 stays dense, and the others share what is left. Exactly
    round(s·N) weights are removed in all: fractions are settled by largest remainder, of equal ones
    the earlier matrix first.
    """
    sizes = np.array([matrix.size for matrix in matrices], np.int64)
    raw = np.array([sum(matrix.shape) / matrix.size for matrix in matrices])
    kept = int(sizes.sum()) - removed_count(sparsity, int(sizes.sum()))
    dense = np.zeros(len(matrices), bool)
    while True:
        budget = kept - int(sizes[dense].sum())
        share = np.where(dense, 0.0, raw * sizes)
        wanted = np.where(dense, sizes, share * (budget / max(share.sum(), 1e-300)))
        if not (over := ~dense & (wanted > sizes)).any():
            break
        dense |= over
    whole = np.floor(wanted).astype(np.int64)
    rest = np.where(whole < sizes, wanted - whole, -1.0)
    whole[np.argsort(-rest, kind="stable")[: kept - int(whole.sum())]] += 1
    return [Group((i,), int(sizes[i] - whole[i])) for i in range(len(matrices))]


ALLOTMENTS: dict[str, Callable[[tuple[Matrix, ...], float], Allotment]] = {
    "global": allot_globally,
    "layer": allot_by_layer,
    "erk": allot_by_erk,
}
