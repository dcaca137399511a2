"""A checkpoint at hand: its folder, its manifest, and its weights, a few rows at a time."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from essential_sparsity.checkpoints.inventory import choose, take_inventory
from essential_sparsity.checkpoints.manifest import (
    MANIFEST,
    Manifest,
    Matrix,
    load_manifest,
)
from essential_sparsity.checkpoints.tensors import (
    ReadRows,
    StoredTensor,
    read_tensor,
    row_reader,
)
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import sha256_of_all


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint's folder and manifest; a context manager that closes the weights' files.

    `es.open_checkpoint` opens one from any folder, or from a hub.

    Attributes:
        folder: where its files lie.
        manifest: `architecture`, `sha256` (the checkpoint's identity), `prunable_count` (how many
            weights its prunable matrices have), and the SHA-256 of its `files`.

    >>> import essential_sparsity as es
    >>> with es.open_checkpoint("tiny-bert") as checkpoint:
    ...     print(checkpoint.manifest.architecture, checkpoint.manifest.prunable_count)
    ...     for matrix in checkpoint.matrices[:2]:
    ...         print(matrix.layer, matrix.module, matrix.dtype, matrix.shape)
    bert 4096
    0 query F32 (16, 16)
    0 key F32 (16, 16)
    """

    folder: Path
    manifest: Manifest
    _descriptors: dict[Path, int] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, folder: Path, verify: bool = True) -> Self:
        """Open what the checkpoint stage made; with `verify`, hash every file first.

        Raises:
            UserError: see `load_manifest`.
        """
        return cls(folder, load_manifest(folder, verify))

    @classmethod
    def survey(cls, folder: Path) -> Self:
        """Open any folder that `save_pretrained` wrote; its manifest is made on the spot.

        A folder that has a manifest is verified against it. Nothing is written.

        Raises:
            UserError: there is no checkpoint, it is of an unknown architecture, has no prunable
                matrix, or a file of it is missing or damaged.
        """
        if (folder / MANIFEST).is_file():
            return cls.load(folder)
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder; a checkpoint's folder was expected")
        try:
            names = choose(path.name for path in folder.iterdir() if path.is_file())
        except UserError as error:
            raise UserError(f"{folder}: not a checkpoint's folder: {error}") from None
        if not any(name.endswith(".safetensors") for name in names):
            raise UserError(
                f"{folder}: {names[-1]}: pickled weights are not read in place; save the model as "
                "safetensors (save_pretrained does)"
            )
        files = sha256_of_all([folder / name for name in sorted(names)])
        source = {"kind": "folder", "path": str(folder)}
        document = take_inventory(folder).document(source, files)
        return cls(folder, Manifest.model_validate(document))

    @property
    def matrices(self) -> tuple[Matrix, ...]:
        """The prunable matrices in THE order: their names, shapes, types, layers, modules."""
        return self.manifest.matrices

    def rows(self, matrix: Matrix) -> ReadRows:
        """Return a reader of the matrix's rows, usable from any thread until this is closed.

        Raises:
            UserError: the file is missing or damaged, or holds another tensor under this name.
        """
        return row_reader(self.folder, matrix, self._descriptors)

    def tensor(self, matrix: Matrix) -> StoredTensor:
        """Return the whole matrix, mapped from its file: `values()` are its numbers, (out, in).

        Raises:
            UserError: the file is missing or damaged.
        """
        return read_tensor(self.folder, matrix)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])
