"""Counts of pairs: what packed bits say is what booleans say, whatever the sizes."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from essential_sparsity.similarity import counts
from essential_sparsity.similarity.counts import compare_masks
from essential_sparsity.support.errors import UserError

Keeps = Mapping[str, NDArray[np.bool_]]
WriteMasks = Callable[..., list[Path]]


def bits(text: str) -> NDArray[np.bool_]:
    """Return a matrix of rows such as `110 011`."""
    return np.array([[bit == "1" for bit in row] for row in text.split()])


def random_masks(
    masks: int, shapes: list[tuple[int, int]], seed: int = 0, density: float = 0.5
) -> dict[str, Keeps]:
    generator = np.random.default_rng(seed)
    return {
        f"m{i}": {f"w{j}": generator.random(shape) < density for j, shape in enumerate(shapes)}
        for i in range(masks)
    }


def brute_force(masks: Mapping[str, Keeps]) -> NDArray[np.int64]:
    """(matrices, masks, masks): count booleans."""
    keeps = list(masks.values())
    return np.array(
        [[[int(np.sum(a[name] & b[name])) for b in keeps] for a in keeps] for name in keeps[0]]
    )


def test_counts_by_hand(write_masks: WriteMasks) -> None:
    files = write_masks(
        {
            "a": {"q": bits("110 011"), "up": bits("1111 1111")},
            "b": {"q": bits("100 110"), "up": bits("1010 0000")},
            "c": {"q": bits("000 000"), "up": bits("0000 0001")},
        }
    )
    found = compare_masks(files)
    assert found.matrices == ("q", "up")
    assert found.weights.tolist() == [6, 8]
    assert found.kept.tolist() == [[4, 3, 0], [8, 2, 1]]
    assert [place.tolist() for place in found.pairs] == [[0, 0, 1], [1, 2, 2]]
    first, second = found.pairs
    assert found.both_kept[:, first, second].tolist() == [[2, 0, 0], [2, 1, 0]]
    whole = found.overall()
    assert whole.weights.tolist() == [14]
    assert whole.both_kept.tolist() == [[[12, 4, 1], [4, 5, 0], [1, 0, 1]]]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    masks=st.integers(2, 5),
    shapes=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 40)), min_size=1, max_size=4),
    seed=st.integers(0, 2**32 - 1),
    density=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]),
    block=st.sampled_from([1, 3, 8, 16, 1 << 16]),
    threads=st.integers(1, 3),
)
def test_any_masks_in_any_blocks_are_counted_as_booleans_are(
    write_masks: WriteMasks,
    masks: int,
    shapes: list[tuple[int, int]],
    seed: int,
    density: float,
    block: int,
    threads: int,
) -> None:
    made = random_masks(masks, shapes, seed, density)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counts, "_BLOCK", block)
        found = compare_masks(write_masks(made), threads)
    assert np.array_equal(found.both_kept, brute_force(made))
    assert found.weights.tolist() == [rows * columns for rows, columns in shapes]


def test_a_matrix_of_several_blocks(write_masks: WriteMasks) -> None:
    """Real blocks, and a last one that is no whole number of words or bytes."""
    made = random_masks(3, [(1031, 1033), (7, 5)])
    passed: list[int] = []
    found = compare_masks(write_masks(made), 2, passed.append)
    assert np.array_equal(found.both_kept, brute_force(made))
    assert len(passed) > 2
    assert sum(passed) == 3 * (1031 * 1033 + 35)


def test_a_mask_beside_itself(write_masks: WriteMasks) -> None:
    (file,) = write_masks(random_masks(1, [(5, 5)]))
    found = compare_masks([file, file])
    assert len(np.unique(found.both_kept)) == 1


def test_masks_whose_matrices_lie_in_another_order_in_the_file(write_masks: WriteMasks) -> None:
    made = random_masks(2, [(3, 7), (5, 5), (2, 9)])
    files = write_masks(made)
    with safe_open(files[1], framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in ("w2", "w0", "w1")}
        metadata = file.metadata()
    # The library orders by size; padding before a tensor is not part of the format.
    files[1].with_suffix(".json").unlink()
    save_file(tensors, files[1], metadata=metadata)
    assert np.array_equal(compare_masks(files).both_kept, brute_force(made))


def test_masks_of_another_model_or_checkpoint_are_refused(write_masks: WriteMasks) -> None:
    (file,) = write_masks(random_masks(1, [(5, 5)]))
    (other,) = write_masks(random_masks(1, [(5, 6)]), model="opt")
    with pytest.raises(UserError, match=r"opt/m0.*another model than .*bert/m0.*\[5, 6\] here"):
        compare_masks([file, other])
    (other,) = write_masks(random_masks(1, [(5, 5)]), model="opt")
    with safe_open(other, framework="numpy") as stored:
        tensors = {"w0": stored.get_tensor("w0")}
        header = json.loads(stored.metadata()["mask"])
    other.with_suffix(".json").unlink()
    save_file(tensors, other, metadata={"mask": json.dumps({**header, "checkpoint": "1" * 64})})
    with pytest.raises(UserError, match=r"opt/m0.*was made from another checkpoint"):
        compare_masks([file, other])


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        ([255, 255, 255, 1], r"the bits remove 0 of 25 weights, the metadata say"),
        ([255, 255, 255, 3], r"w0: bits set behind the last weight"),
    ],
)
def test_bits_that_are_not_what_the_header_says_are_refused(
    write_masks: WriteMasks, packed: list[int], message: str
) -> None:
    files = write_masks(random_masks(2, [(5, 5)]))
    with safe_open(files[1], framework="numpy") as file:
        metadata = file.metadata()
    files[1].with_suffix(".json").unlink()
    save_file({"w0": np.array(packed, np.uint8)}, files[1], metadata=metadata)
    with pytest.raises(UserError, match=message) as error:
        compare_masks(files)
    assert str(files[1]) in str(error.value)


def test_missing_and_truncated_masks_are_named(write_masks: WriteMasks) -> None:
    files = write_masks(random_masks(2, [(5, 5)]))
    files[0].write_bytes(files[0].read_bytes()[:-1])
    with pytest.raises(UserError, match=r"m0\.safetensors: damaged: its sha256 is not"):
        compare_masks(files)
    files[0].unlink()
    with pytest.raises(UserError, match=r"m0\.safetensors: no such mask file"):
        compare_masks(files)
