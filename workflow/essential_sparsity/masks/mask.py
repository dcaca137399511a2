"""The keep mask of a checkpoint: one bit a prunable weight, packed, checked, self-describing.

On disk a mask is a safetensors file with one uint8 tensor a prunable matrix, holding the matrix's
keep bits in row-major order, eight a byte, lowest bit first; its metadata hold one JSON document
under the key `mask` (see `Header`). `docs/mask-format.md` prints a reader in plain numpy.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from essential_sparsity.errors import UserError
from essential_sparsity.files import atomic_path, sha256_of, write_json
from essential_sparsity.masks.spec import MaskSpec
from essential_sparsity.spec import Spec

FORMAT_VERSION = 1
_KEY = "mask"


class Header(Spec):
    """What a mask says of itself."""

    format_version: int
    architecture: str
    checkpoint: str = Field(description="the checkpoint's identity, `checkpoint.json`'s digest")
    spec: MaskSpec
    shapes: dict[str, tuple[int, int]] = Field(description="matrix → (out, in), in matrix order")
    total: int = Field(description="prunable weights")
    removed: int = Field(description="zeros of the mask, exactly round(sparsity · total)")
    selected_on: str = Field(default="", description="dtype on which the selection was made")
    threshold: float | None = Field(default=None, description="|w| at the cut")
    tie_rule: Literal["order (|w|, matrix, flat index)"] = "order (|w|, matrix, flat index)"


@dataclass(frozen=True)
class Mask:
    """A keep mask: `header`, and the packed bits of every matrix in `header.shapes`' order."""

    header: Header
    packed: dict[str, NDArray[np.uint8]]

    @property
    def spec(self) -> MaskSpec:
        """What the mask was made by."""
        return self.header.spec

    @property
    def matrices(self) -> tuple[str, ...]:
        """The matrices' names, in matrix order."""
        return tuple(self.header.shapes)

    def shape(self, name: str) -> tuple[int, int]:
        """Return the matrix's shape, (out, in)."""
        return self.header.shapes[name]

    def kept(self, name: str) -> int:
        """Return how many weights of the matrix are kept."""
        return int(np.bitwise_count(self.packed[name]).sum())

    def keep(self, name: str) -> NDArray[np.bool_]:
        """Return the matrix's keep mask, bool of its shape."""
        rows, columns = self.shape(name)
        bits = np.unpackbits(self.packed[name], count=rows * columns, bitorder="little")
        return bits.view(np.bool_).reshape(rows, columns)

    @property
    def sparsity(self) -> float:
        """Share of zeros over the prunable weights, as counted."""
        return self.header.removed / self.header.total

    def is_nested_in(self, denser: "Mask") -> bool:
        """Tell whether everything that this mask keeps is kept by `denser` too."""
        return all(not np.any(self.packed[name] & ~denser.packed[name]) for name in self.matrices)

    @classmethod
    def build(
        cls,
        keeps: Iterator[tuple[str, NDArray[np.bool_]]],
        spec: MaskSpec,
        *,
        architecture: str,
        checkpoint: str,
        selected_on: str,
        threshold: float | None,
    ) -> "Mask":
        """Pack named keep masks (bool, (out, in) each), one at a time."""
        packed, shapes, removed = {}, {}, 0
        for name, keep in keeps:
            packed[name] = np.packbits(keep, axis=None, bitorder="little")
            shapes[name] = (keep.shape[0], keep.shape[1])
            removed += keep.size - int(np.bitwise_count(packed[name]).sum())
        header = Header(
            format_version=FORMAT_VERSION,
            architecture=architecture,
            checkpoint=checkpoint,
            spec=spec,
            shapes=shapes,
            total=sum(prod(shape) for shape in shapes.values()),
            removed=removed,
            selected_on=selected_on,
            threshold=threshold,
        )
        return cls(header, packed)

    def save(self, path: Path) -> None:
        """Write the mask to `path`, and beside it the small manifest that stands for it.

        The manifest (`.json`) holds the SHA-256 of the mask's bytes, so that a copied results
        folder is known by content, not by times.
        """
        text = json.dumps(self.header.model_dump(mode="json"), separators=(",", ":"))
        with atomic_path(path) as temporary:
            # Not `save_file`, whose errors hide what the disk said.
            temporary.write_bytes(save(self.packed, metadata={_KEY: text}))
        manifest = {
            "format_version": FORMAT_VERSION,
            "file": path.name,
            "sha256": sha256_of(path),
            "checkpoint": self.header.checkpoint,
            "spec": self.header.spec.document(),
            "total": self.header.total,
            "removed": self.header.removed,
        }
        write_json(path.with_suffix(".json"), manifest)

    @classmethod
    def load(cls, path: Path) -> "Mask":
        """Read a mask and check it against what it says of itself.

        Raises:
            UserError: missing, truncated or tampered file, another format version, or counts or
                shapes that do not agree with the bits.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                text = (file.metadata() or {}).get(_KEY)
                packed = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except FileNotFoundError:
            raise UserError(f"{path}: no such mask file") from None
        except (SafetensorError, OSError) as error:
            raise UserError(f"{path}: not a whole mask file ({error}); {_REMEDY}") from None
        if text is None:
            raise UserError(f"{path}: holds no mask metadata under '{_KEY}'; {_REMEDY}")
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            raise UserError(f"{path}: damaged mask metadata ({error}); {_REMEDY}") from None
        version = document.get("format_version") if isinstance(document, dict) else None
        if version != FORMAT_VERSION:
            raise UserError(
                f"{path}: format_version: {version!r} is not readable here; "
                f"this version reads {FORMAT_VERSION}"
            )
        header = Header.check(document, str(path))
        mask = cls(header, {name: packed[name] for name in header.shapes if name in packed})
        mask._check(path, set(packed))
        return mask

    def _check(self, path: Path, stored: set[str]) -> None:
        names = set(self.header.shapes)
        if stored != names:
            odd = sorted(stored ^ names)[0]
            raise UserError(
                f"{path}: {odd}: in the metadata or in the file, not in both; {_REMEDY}"
            )
        removed = 0
        for name, bits in self.packed.items():
            size = prod(self.shape(name))
            if bits.dtype != np.uint8 or bits.shape != ((size + 7) // 8,):
                raise UserError(
                    f"{path}: {name}: {bits.dtype}{list(bits.shape)} does not hold the "
                    f"{size} bits of shape {list(self.shape(name))}; {_REMEDY}"
                )
            if size % 8 and bits[-1] >> (size % 8):
                raise UserError(f"{path}: {name}: bits set behind the last weight; {_REMEDY}")
            removed += size - self.kept(name)
        total = sum(prod(shape) for shape in self.header.shapes.values())
        if (total, removed) != (self.header.total, self.header.removed):
            raise UserError(
                f"{path}: counts: the bits remove {removed} of {total} weights, the metadata say "
                f"{self.header.removed} of {self.header.total}; {_REMEDY}"
            )


_REMEDY = "delete the file and run the study again"
