"""Keys: integers in the order in which weights are removed.

The key of a weight is an unsigned integer, and the lowest keys go first. For IEEE-754 numbers
without their sign bit, the order of the bits as integers is the order of the magnitudes, so that
the key of |w| is what the file stores, and nothing is computed. Keys of 15 bits (from float16 and
bfloat16) are counted one by one; keys of 31 bits (from float32) by their upper half, their *bin*.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.checkpoints.manifest import Matrix
from essential_sparsity.checkpoints.tensors import FORMATS, StoredTensor
from essential_sparsity.support.errors import UserError

Keys = npt.NDArray[np.unsignedinteger[Any]]
Values = npt.NDArray[np.float32]

# Keys of `start` to `stop` rows, (stop − start, columns); callable from any thread.
ReadKeys = Callable[[int, int], Keys]

LOW_BITS = 15


class Scores(Protocol):
    """Ranks the weights of a checkpoint, one matrix at a time."""

    @property
    def bits(self) -> int:
        """How many bits a key has: 15 (uint16) or 31 (uint32)."""

    @property
    def selected_on(self) -> str:
        """The stored type that keys are made of, or what else they are."""

    @property
    def infinity(self) -> int | None:
        """The key from which on keys are of no finite number; None if all keys are sound."""

    def open(self, matrix: Matrix) -> ReadKeys:
        """Return the reader of the matrix's keys.

        Raises:
            UserError: its weights cannot be read or ranked.
        """

    def value(self, key: int) -> float | None:
        """Return the score that has this key, None where keys stand for no number."""


@dataclass(frozen=True)
class Magnitudes:
    """|w| of the stored weights, compared as the bits that are stored.

    Matrices of one 16-bit type have keys of 15 bits; where types are mixed, or are float32, all are
    put on float32's scale, into which the halves fit exactly.
    """

    checkpoint: Checkpoint

    def __post_init__(self) -> None:
        for matrix in self.checkpoint.matrices:
            if matrix.dtype not in ("F32", "F16", "BF16"):
                raise UserError(
                    f"{matrix.name}: stored as {matrix.dtype}; magnitudes are selected on F32, F16 "
                    "or BF16"
                )

    @property
    def bits(self) -> int:
        """15 if all matrices are of one 16-bit type, else 31."""
        kinds = self._kinds
        return FORMATS[next(iter(kinds))].bits - 1 if len(kinds) == 1 else 31

    @property
    def selected_on(self) -> str:
        """The type or types of the stored weights."""
        return ",".join(sorted(self._kinds))

    @property
    def infinity(self) -> int:
        """The key of infinity."""
        return FORMATS["F32" if self.bits == 31 else self.selected_on].infinity

    @property
    def _kinds(self) -> set[str]:
        return {matrix.dtype for matrix in self.checkpoint.matrices}

    def open(self, matrix: Matrix) -> ReadKeys:
        """Return the reader of the matrix's keys."""
        rows = self.checkpoint.rows(matrix)
        widen = self.bits == 31 and matrix.dtype != "F32"

        def read(start: int, stop: int) -> Keys:
            bits = rows(start, stop)
            if widen:
                values = StoredTensor(matrix.name, matrix.dtype, bits.shape, bits).values()
                bits = values.view(np.uint32)
            sign = bits.dtype.type(1 << (8 * bits.itemsize - 1))
            return np.bitwise_and(bits, ~sign, out=bits)

        return read

    def value(self, key: int) -> float:
        """Return the magnitude."""
        if self.bits == 31:
            return float(np.uint32(key).view(np.float32))
        bits = np.array([key], np.uint16)
        return float(StoredTensor("", self.selected_on, (1,), bits).values()[0])


@dataclass(frozen=True)
class Computed:
    """Scores that a function computes of a whole matrix: float32, none below zero, none NaN."""

    checkpoint: Checkpoint
    score: Callable[[Matrix, Values], Values]

    bits = 31
    selected_on = "computed F32"
    infinity = None

    def open(self, matrix: Matrix) -> ReadKeys:
        """Compute the matrix's scores; return the reader of their keys."""
        tensor = self.checkpoint.tensor(matrix)
        weights = tensor.values()
        if not np.isfinite(weights).all():
            tensor.magnitude_keys()  # raises an error that names the weight
        scores = np.ascontiguousarray(self.score(matrix, weights), np.float32)
        # NaN is neither.
        if scores.shape != matrix.shape or not (scores.min() >= 0 and scores.max() < np.inf):
            raise ValueError(f"{matrix.name}: scores must be finite, ≥ 0 and of the matrix's shape")
        # −0 becomes 0, which as an integer would be the largest of all.
        keys = scores.view(np.uint32) & np.uint32(0x7FFFFFFF)
        return lambda start, stop: keys[start:stop]

    def value(self, key: int) -> float:
        """Return the score."""
        return float(np.uint32(key).view(np.float32))


def bins_of(keys: Keys, bits: int) -> npt.NDArray[np.uint16]:
    """Return each key's bin: the key itself, or its upper 16 bits."""
    if bits == LOW_BITS:
        return keys.astype(np.uint16, copy=False)
    return (keys >> LOW_BITS).astype(np.uint16)


def bin_of(key: int, bits: int) -> int:
    """Return one key's bin."""
    return key if bits == LOW_BITS else key >> LOW_BITS


def bin_count(bits: int) -> int:
    """Return how many bins there are."""
    return 1 << (bits if bits == LOW_BITS else bits - LOW_BITS)


def check_finite(keys: Keys, infinity: int | None, matrix: Matrix, start: int) -> None:
    """Raise an error that names the first weight whose key is of no finite number.

    `keys` are of consecutive rows of the matrix from `start` on; `infinity`: see `Scores`.
    """
    if infinity is None or not keys.size or int(keys.max()) < infinity:
        return
    row, column = (int(i) for i in np.unravel_index(int(np.argmax(keys >= infinity)), keys.shape))
    what = "infinite" if int(keys[row, column]) == infinity else "not a number"
    raise UserError(
        f"{matrix.name}: weight [{start + row}, {column}] is {what}; a checkpoint's weights must "
        "be finite"
    )
