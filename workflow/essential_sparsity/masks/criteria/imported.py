"""A mask from elsewhere: booleans of another tool, or the zeros of a pruned checkpoint."""

from pathlib import Path
from typing import Literal, Self

import numpy as np
from pydantic import Field

from essential_sparsity.architectures import find_architecture
from essential_sparsity.architectures.architecture import Found
from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.checkpoints.inventory import CONFIG
from essential_sparsity.checkpoints.manifest import Matrix
from essential_sparsity.checkpoints.tensors import FORMATS, Bits, Entry, read_header
from essential_sparsity.masks.criterion import Criterion, Inputs
from essential_sparsity.masks.mask import Header, Packed, write_mask
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import read_json, sha256_of
from essential_sparsity.support.spec import Name


class Imported(Criterion):
    """Keeps what a safetensors file says: booleans (true is kept), or weights (zeros are removed).

    Tensors are found by layer and module, whatever prefix their names have. Every prunable matrix
    must be there in its shape.
    """

    criterion: Literal["imported"] = "imported"
    mask: Name = Field(description="what the mask is called")
    file: str = Field(description="a .safetensors file; relative to the repository's root")

    @property
    def name(self) -> str:
        """The mask's identity in paths."""
        return f"imported-{self.mask}"

    @property
    def scope_name(self) -> str:
        """Nobody knows how it was made."""
        return "unknown"

    def words(self) -> str:
        """Return its name in words."""
        return f"imported, {self.mask}"

    def files(self) -> dict[str, str]:
        """Return the file that is read."""
        return {"file": self.file}

    def below(self, root: Path) -> Self:
        """Return the spec with the file's path put below `root`."""
        return self.model_copy(update={"file": str(root / self.file)})

    def make(self, checkpoint: Checkpoint, inputs: Inputs, path: Path) -> None:
        """Read, check and write the mask: once to count it, once to write it."""
        source = inputs.files.get("file", Path(self.file))
        entries = _find(source, checkpoint)
        removed = 0
        for matrix in checkpoint.matrices:
            packed = _read(source, *entries[matrix.name])
            removed += matrix.size - int(np.bitwise_count(packed).sum(dtype=np.int64))
        kinds = {entry.dtype for _, entry in entries.values()}
        header = Header.of(
            checkpoint.manifest,
            name=self.name,
            spec=self.document(),
            removed=removed,
            selected_on=",".join(sorted(kinds)),
            inputs={"file": sha256_of(source)},
        )
        with write_mask(path, header) as writer:
            for matrix in checkpoint.matrices:
                writer.write(_read(source, *entries[matrix.name]))


def _find(path: Path, checkpoint: Checkpoint) -> dict[str, tuple[Found, Entry]]:
    """Return the checkpoint's matrix → the file's in its place, and the entry of its tensor."""
    stored = read_header(path)
    manifest = checkpoint.manifest
    places = {
        (matrix.place.layer, matrix.place.module): matrix
        for matrix in find_architecture(manifest.architecture, str(checkpoint.folder)).find(
            {name: entry.shape for name, entry in stored.items()},
            str(path),
            read_json(checkpoint.folder / CONFIG, "model configuration"),
            manifest.prunes_pooler,
        )
    }
    found = {}
    for matrix in checkpoint.matrices:
        other = places.pop((matrix.layer, matrix.module), None)
        if other is None:
            raise UserError(f"{path}: lacks layer {matrix.layer}'s {matrix.module}: {matrix.name}")
        _check(path, other, stored[other.tensor], matrix)
        found[matrix.name] = (other, stored[other.tensor])
    if places:
        raise UserError(
            f"{path}: '{next(iter(places.values())).name}' is of a layer that the checkpoint "
            f"{checkpoint.folder} does not have"
        )
    return found


def _check(path: Path, other: Found, entry: Entry, matrix: Matrix) -> None:
    name, shape = other.name, other.shape(entry.shape)
    if shape != matrix.shape:
        raise UserError(
            f"{path}: '{name}' is {list(shape)}, the checkpoint's matrix is {list(matrix.shape)}"
        )
    if entry.dtype != "BOOL" and entry.dtype not in FORMATS:
        raise UserError(
            f"{path}: '{name}' is {entry.dtype}; a mask is BOOL (true is kept), a pruned "
            f"checkpoint {', '.join(FORMATS)} (zeros are removed)"
        )


def _read(path: Path, other: Found, entry: Entry) -> Packed:
    """Return the packed keep bits of one matrix."""
    kind = np.dtype(np.uint8) if entry.dtype == "BOOL" else FORMATS[entry.dtype].unsigned
    stored: Bits = np.memmap(path, kind, mode="r", offset=entry.offset, shape=entry.shape)
    if other.layout:
        stored = np.ascontiguousarray(other.layout.view(stored))
    if entry.dtype == "BOOL":
        if int(stored.max()) > 1:
            raise UserError(f"{path}: '{other.name}': {int(stored.max())} is no boolean")
        kept = stored.view(np.bool_)
    else:
        sign = stored.dtype.type(1 << (8 * kind.itemsize - 1))
        kept = (stored & ~sign) != 0
    return np.packbits(kept, bitorder="little")
