"""The physical limit: bytes read and written, and nothing done with them."""

import os
from pathlib import Path

_BLOCK = 1 << 20  # bytes


def read(files: list[str]) -> None:
    """Read the files once."""
    buffer = memoryview(bytearray(_BLOCK))
    for name in files:
        with open(name, "rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def read_and_write(files: list[str], output: str, masks: int, weights: int) -> None:
    """Read the files once; write `masks` files of a bit a weight, and sync them as ours are."""
    read(files)
    Path(output).mkdir()
    block = bytes(_BLOCK)
    size = (weights + 7) // 8
    for mask in range(masks):
        with open(Path(output) / str(mask), "wb", buffering=0) as file:
            for start in range(0, size, _BLOCK):
                file.write(block[: size - start])
            os.fsync(file.fileno())
