"""Writes a mask's file matrix by matrix, so that no mask has to fit into memory."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from essential_sparsity.masks.header import FORMAT_VERSION, METADATA_KEY, Header
from essential_sparsity.support.files import atomic_path, write_json

Packed = npt.NDArray[np.uint8]


def count_kept(packed: Packed) -> int:
    """Return how many bits are set, whole words of eight bytes at a time."""
    words = packed.size // 8 * 8
    counts = np.bitwise_count(packed[:words].view(np.uint64)).sum(dtype=np.int64)
    return int(counts + np.bitwise_count(packed[words:]).sum(dtype=np.int64))


class MaskWriter:
    """Takes the packed keep bits of every matrix, in order, in pieces of whole bytes."""

    def __init__(self, file: BinaryIO, header: Header) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._expected = sum(header.bytes_of(name) for name in header.shapes)
        self._written = 0
        self._kept = 0
        self._put(_safetensors_header(header))

    def write(self, packed: Packed) -> int:
        """Append packed bits, as `numpy.packbits(keep, bitorder="little")` makes them.

        Returns:
            How many weights they keep.
        """
        kept = count_kept(packed)
        self._written += packed.size
        self._kept += kept
        self._put(packed.data)
        return kept

    def _put(self, data: bytes | memoryview) -> None:
        self._digest.update(data)
        self._file.write(data)

    def finish(self, header: Header) -> str:
        """Check what was written against the header; return the SHA-256 of the file's bytes.

        Raises:
            ValueError: bits are missing, or their number is not what the header says: a defect.
        """
        removed = header.total - self._kept
        if (self._written, removed) != (self._expected, header.removed):
            raise ValueError(
                f"{header.name}: {self._written} bytes that remove {removed} weights were written, "
                f"{self._expected} that remove {header.removed} were announced"
            )
        return self._digest.hexdigest()


@contextmanager
def write_mask(path: Path, header: Header) -> Iterator[MaskWriter]:
    """Yield a writer of the mask at `path`; the file, and its manifest, appear if all goes well.

    The manifest (`.json`) holds the SHA-256 of the mask's bytes, so that a copied results folder
    is known by content, not by times.
    """
    # Not the library's writer, which wants all tensors at once and hides what the disk said.
    with atomic_path(path) as temporary, temporary.open("wb", buffering=1 << 20) as file:
        writer = MaskWriter(file, header)
        yield writer
        digest = writer.finish(header)
    manifest = {
        "format_version": FORMAT_VERSION,
        "file": path.name,
        "sha256": digest,
        "checkpoint": header.checkpoint,
        "spec": header.spec,
        "total": header.total,
        "removed": header.removed,
    }
    write_json(path.with_suffix(".json"), manifest)


@contextmanager
def write_masks(headers: Mapping[Path, Header]) -> Iterator[list[MaskWriter]]:
    """Yield a writer of every mask, path → header; see `write_mask`.

    At the end all are synced to disk side by side, which takes little longer than one.
    """
    with ExitStack() as stack:
        masks = [stack.enter_context(ExitStack()) for _ in headers]
        yield [
            mask.enter_context(write_mask(path, header))
            for mask, (path, header) in zip(masks, headers.items(), strict=True)
        ]
        with ThreadPoolExecutor(len(masks) or 1) as pool:
            list(pool.map(ExitStack.close, masks))


def _safetensors_header(header: Header) -> bytes:
    """Return the file's beginning: eight bytes of length, and the padded JSON header."""
    document: dict[str, object] = {"__metadata__": {METADATA_KEY: header.text()}}
    start = 0
    for name in header.shapes:
        end = start + header.bytes_of(name)
        document[name] = {"dtype": "U8", "shape": [end - start], "data_offsets": [start, end]}
        start = end
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text
