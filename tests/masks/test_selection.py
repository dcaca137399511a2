"""Exact selection, held against a brute-force sort."""

from itertools import pairwise

import numpy as np
import pytest

from essential_sparsity.masks.selection import (
    Keys,
    Threshold,
    find_threshold,
    keep_above,
    removed_count,
)


def keys_of(*tensors: np.ndarray) -> list[Keys]:
    return [t.astype(np.float32).view(np.uint32) & np.uint32(0x7FFFFFFF) for t in tensors]


def select(tensors: list[Keys], count: int) -> list[np.ndarray]:
    return list(keep_above(tensors, find_threshold(lambda: tensors, count)))


def brute_force(tensors: list[Keys], count: int) -> list[np.ndarray]:
    """Sort everything by (|w|, tensor, flat index) and drop the first `count`."""
    flat = np.concatenate([t.ravel() for t in tensors])
    keep = np.ones(flat.size, dtype=bool)
    keep[np.argsort(flat, kind="stable")[:count]] = False
    parts = np.split(keep, np.cumsum([t.size for t in tensors])[:-1])
    return [part.reshape(t.shape) for part, t in zip(parts, tensors, strict=True)]


@pytest.mark.parametrize("seed", range(20))
def test_selection_equals_a_stable_sort(seed: int) -> None:
    draw = np.random.default_rng(seed)
    shapes = [(int(draw.integers(1, 30)), int(draw.integers(1, 30))) for _ in range(4)]
    weights = [draw.normal(size=shape) for shape in shapes]
    if seed % 2:  # many ties
        weights = [np.round(w, 1) for w in weights]
    tensors = keys_of(*weights)
    total = sum(t.size for t in tensors)
    for count in {1, total // 3, total // 2, total - 1, total}:
        for found, expected in zip(
            select(tensors, count), brute_force(tensors, count), strict=True
        ):
            assert np.array_equal(found, expected)


def test_all_equal_weights_go_in_order() -> None:
    """Ties: the first in (tensor, flat index) order go, no more and no fewer."""
    first, second = select(keys_of(np.ones((2, 2)), np.ones((1, 3))), 5)
    assert first.tolist() == [[False, False], [False, False]]
    assert second.tolist() == [[False, True, True]]


def test_signs_zeros_and_subnormals() -> None:
    """Order is by magnitude: −0 = 0 < the smallest subnormal < 1 = −1."""
    (keep,) = select(keys_of(np.array([[1.0, -0.0, 1e-45, 0.0, -1.0]])), 3)
    assert keep.tolist() == [[True, False, False, False, True]]
    (keep,) = select(keys_of(np.array([[1.0, -1.0, 2.0]])), 1)
    assert keep.tolist() == [[False, True, True]]


def test_masks_are_nested() -> None:
    tensors = keys_of(np.round(np.random.default_rng(0).normal(size=(40, 40)), 1))
    masks = [select(tensors, count)[0] for count in range(1, 1600, 97)]
    for denser, sparser in pairwise(masks):
        assert not np.any(sparser & ~denser)


def test_threshold_magnitude() -> None:
    assert Threshold(key=int(np.float32(0.5).view(np.uint32)), ties=1).magnitude == 0.5


@pytest.mark.parametrize("count", [0, 5])
def test_impossible_counts(count: int) -> None:
    with pytest.raises(ValueError, match="of 4 weights"):
        find_threshold(lambda: keys_of(np.ones((2, 2))), count)


def test_removed_count_is_the_rounded_product() -> None:
    assert removed_count(0.3, 10_616_832) == 3_185_050
    assert removed_count(0.215, 84_934_656) == round(0.215 * 84_934_656)
