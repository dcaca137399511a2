"""Tensors of safetensors files, read in place, as the bits that are stored.

Nothing is rounded, and torch is not imported: masks are selected on the bits (see `masks.keys`).
"""

import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from essential_sparsity.checkpoints.manifest import Matrix
from essential_sparsity.support.errors import UserError

Bits = npt.NDArray[np.unsignedinteger[Any]]


@dataclass(frozen=True)
class Format:
    """A floating-point format: `bits` wide, the highest is the sign, then `exponent` bits."""

    bits: int
    exponent: int

    @property
    def unsigned(self) -> np.dtype[Any]:
        """The little-endian unsigned integer of the same width."""
        return np.dtype(f"<u{self.bits // 8}")

    @property
    def infinity(self) -> int:
        """The bits of +infinity: those of every finite magnitude are below, those of NaN above."""
        return ((1 << self.exponent) - 1) << (self.bits - 1 - self.exponent)


FORMATS: dict[str, Format] = {
    "F16": Format(16, 5),
    "BF16": Format(16, 8),
    "F32": Format(32, 8),
    "F64": Format(64, 11),
}


@dataclass(frozen=True)
class Entry:
    """One tensor of a file: its type, shape, and where its bytes begin in the file."""

    dtype: str
    shape: tuple[int, ...]
    offset: int

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class StoredTensor:
    """A tensor as it is stored: `bits` has `shape` and the unsigned type as wide as `dtype`."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    bits: Bits

    def magnitude_keys(self) -> Bits:
        """Return unsigned integers of the tensor's shape in the order of |w|; ±0 are both 0."""
        form = FORMATS[self.dtype]
        keys = self.bits & self.bits.dtype.type((1 << (form.bits - 1)) - 1)
        if keys.size and int(keys.max()) >= form.infinity:
            worst = int(np.argmax(keys))
            kind = "infinite" if int(keys.flat[worst]) == form.infinity else "not a number"
            raise UserError(
                f"{self.name}: weight {worst} is {kind}; a checkpoint's weights must be finite"
            )
        return keys

    def values(self) -> npt.NDArray[Any]:
        """Return the tensor's numbers: float64 for F64, else float32, exactly."""
        if self.dtype == "BF16":
            return (self.bits.astype(np.uint32) << np.uint32(16)).view(np.float32)
        stored: npt.NDArray[Any] = self.bits.view(np.dtype(f"<f{FORMATS[self.dtype].bits // 8}"))
        return stored if self.dtype == "F64" else stored.astype(np.float32, copy=False)


def read_tensor(folder: Path, matrix: Matrix) -> StoredTensor:
    """Return `matrix` of the checkpoint in `folder`, mapped from the file.

    It is copied where it is no tensor of its own.
    """
    path = folder / matrix.file
    stored = map_tensor(path, matrix.tensor, find_entry(path, matrix))
    if matrix.layout is None:
        return stored
    bits = np.ascontiguousarray(matrix.layout.view(stored.bits)).reshape(matrix.shape)
    return StoredTensor(matrix.name, matrix.dtype, matrix.shape, bits)


def find_entry(path: Path, matrix: Matrix) -> Entry:
    """Return the header's entry of the tensor that holds `matrix`, which must be as it says."""
    entry = read_header(path).get(matrix.tensor)
    if entry is None:
        raise UserError(f"{path}: lacks the tensor '{matrix.tensor}'")
    shape = matrix.layout.shape(entry.shape) if matrix.layout else entry.shape
    if (entry.dtype, shape) != (matrix.dtype, matrix.shape):
        raise UserError(
            f"{path}: '{matrix.name}' is {entry.dtype} {list(shape)}, "
            f"{matrix.dtype} {list(matrix.shape)} was expected"
        )
    return entry


# Reads rows `start` to `stop` of a matrix, (stop − start, columns), into fresh memory.
ReadRows = Callable[[int, int], Bits]


def row_reader(folder: Path, matrix: Matrix, descriptors: dict[Path, int]) -> ReadRows:
    """Return the reader of `matrix`, for any thread; files are opened once, into `descriptors`."""
    path = folder / matrix.file
    entry = find_entry(path, matrix)
    if matrix.layout is not None:
        return partial(_read_view, matrix.layout.view(map_tensor(path, matrix.tensor, entry).bits))
    if path not in descriptors:
        descriptors[path] = os.open(path, os.O_RDONLY)
    return partial(_read_rows, path, descriptors[path], matrix, entry.offset)


def _read_view(view: Bits, start: int, stop: int) -> Bits:
    """Read rows of a matrix that is a view of a mapped tensor, see `Layout.view`."""
    if view.ndim == 2:
        return np.array(view[start:stop], order="C")
    rows: Bits = view[np.divmod(np.arange(start, stop), view.shape[1])]
    return rows


def _read_rows(
    path: Path, descriptor: int, matrix: Matrix, offset: int, start: int, stop: int
) -> Bits:
    """Read rows of a matrix that is a tensor of its own.

    A mapped file counts as resident memory page by page as it is read; what is read here is freed
    with the array, so that a checkpoint of any size passes through little memory.
    """
    unsigned = FORMATS[matrix.dtype].unsigned
    columns = matrix.shape[1]
    rows: Bits = np.empty((stop - start, columns), unsigned)
    if not read_into(rows, descriptor, offset + start * columns * unsigned.itemsize):
        raise UserError(f"{path}: '{matrix.name}': the file ends inside the tensor")
    return rows


def read_into(array: npt.NDArray[Any], descriptor: int, position: int) -> bool:
    """Fill a contiguous array with a file's bytes from `position` on; False if the file ends."""
    buffer, done = array.reshape(-1).view(np.uint8).data, 0
    while done < len(buffer):
        got = os.preadv(descriptor, [buffer[done:]], position + done)
        if got == 0:
            return False
        done += got
    return True


def map_tensor(path: Path, name: str, entry: Entry) -> StoredTensor:
    """Return the tensor that `entry` (of `read_header(path)`) describes, mapped, not copied."""
    if entry.dtype not in FORMATS:
        raise UserError(
            f"{path}: '{name}' is stored as {entry.dtype}; "
            f"weights can be read from {', '.join(FORMATS)}"
        )
    unsigned = FORMATS[entry.dtype].unsigned
    bits: Bits
    if entry.size == 0:  # nothing to map
        bits = np.empty(entry.shape, unsigned)
    else:
        bits = np.memmap(path, unsigned, mode="r", offset=entry.offset, shape=entry.shape)
    return StoredTensor(name, entry.dtype, entry.shape, bits)


def read_header(path: Path) -> dict[str, Entry]:
    """Return the tensors of a safetensors file by name, in the order of their bytes.

    The header is checked against the file: every tensor's bytes fit its shape, follow one another
    without gap or overlap, and end where the file ends.
    """
    try:
        state = path.stat()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; a safetensors file was expected there") from None
    return _read_header(path, state.st_size, state.st_mtime_ns)


@cache
def _read_header(path: Path, size: int, changed: int) -> dict[str, Entry]:
    """Do `read_header`'s work once for each state of the file."""
    with path.open("rb") as file:
        head = file.read(8)
        if head == b"version ":
            raise _damaged(path, "it is a pointer of Git LFS; `git lfs pull` brings the file")
        try:
            # The library checks sizes, types, and that the tensors follow one another to the end.
            with safe_open(path, framework="numpy"):
                length = int.from_bytes(head, "little")
                document = json.loads(file.read(length), object_pairs_hook=_without_repeats)
        except (SafetensorError, ValueError) as error:
            raise _damaged(path, str(error)[:200]) from None
    document.pop("__metadata__", None)
    entries = {
        name: Entry(raw["dtype"], tuple(raw["shape"]), 8 + length + raw["data_offsets"][0])
        for name, raw in document.items()
    }
    return dict(sorted(entries.items(), key=lambda item: item[1].offset))


def _damaged(path: Path, reason: str) -> UserError:
    return UserError(f"{path}: not a whole safetensors file: {reason}")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a name occurs twice")
    return document
