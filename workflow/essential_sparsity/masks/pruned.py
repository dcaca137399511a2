"""A pruned checkpoint: the files of another one, with the weights that a mask removes set to zero.

Nothing else changes, not a byte: the same files, the same tensors in the same places.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

from essential_sparsity.architectures import find_architecture
from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.checkpoints.manifest import Matrix
from essential_sparsity.checkpoints.tensors import find_entry, map_tensor
from essential_sparsity.masks.mask import Header, check_bits, check_removed
from essential_sparsity.masks.streaming import Progress
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import atomic_folder, read_json, sha256_of, write_json

RECORD = "pruned.json"
FORMAT_VERSION = 1


def match_matrices(
    path: Path, header: Header, checkpoint: Checkpoint, any_checkpoint: bool = False
) -> dict[str, str]:
    """Return matrix of the checkpoint → name of the mask's tensor for it, by layer and module.

    With `any_checkpoint`, the mask may be of another one.
    """
    ours, theirs = checkpoint.manifest.sha256, header.checkpoint
    if ours != theirs and not any_checkpoint:
        raise UserError(
            f"{path}: is a mask of another checkpoint ({theirs[:12]}…) than {checkpoint.folder} "
            f"({ours[:12]}…); --any-checkpoint takes it where matrices and shapes agree"
        )
    if header.architecture != checkpoint.manifest.architecture:
        raise UserError(
            f"{path}: is a mask of a {header.architecture} model, {checkpoint.folder} is "
            f"{checkpoint.manifest.architecture}"
        )
    architecture = find_architecture(header.architecture, str(path))
    found = architecture.find(header.shapes, str(path), pooler=None)
    names = {(matrix.place.layer, matrix.place.module): matrix.name for matrix in found}
    pairs = {}
    for matrix in checkpoint.matrices:
        name = names.pop((matrix.layer, matrix.module), None)
        if name is None or header.shapes[name] != matrix.shape:
            there = "absent" if name is None else str(list(header.shapes[name]))
            raise UserError(
                f"{path}: layer {matrix.layer}'s {matrix.module} is {there}, in "
                f"{checkpoint.folder} {list(matrix.shape)} ({matrix.name})"
            )
        pairs[matrix.name] = name
    if names:
        raise UserError(
            f"{path}: '{next(iter(names.values()))}' is of a layer that {checkpoint.folder} does "
            "not have, or a pooler that is not pruned in it"
        )
    return pairs


def check_replaceable(output: Path, keep: list[Path], force: bool = False) -> None:
    """Check that `output` may be made, or replaced as a whole; with `force`, whatever it holds.

    Neither a path of `keep` nor a folder above one may be replaced.
    """
    for path in keep:
        if output in (path, *path.parents):
            raise UserError(f"{output}: is or holds {path}, and would be replaced; take another")
    if not output.exists():
        return
    if not output.is_dir():
        raise UserError(f"{output}: is a file; a folder is to be written there")
    there = {path.name for path in output.iterdir()}
    if force or not there:
        return
    if RECORD in there:
        written = read_json(output / RECORD, "record of a pruned checkpoint").get("files")
        if isinstance(written, list) and there <= {*map(str, written), RECORD}:
            return
    raise UserError(
        f"{output}: is not empty, and holds other files than a pruned checkpoint has; --force "
        "deletes all of them"
    )


def write_pruned(
    checkpoint: Checkpoint,
    mask: Path,
    header: Header,
    names: Mapping[str, str],
    output: Path,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write `output`, whole or not at all; return the record that lies in it as `pruned.json`.

    The files are those of the checkpoint, byte by byte, but for the removed weights, which are +0.
    What shares memory in the model (a tied head) is stored as it was, so that it is tied again when
    it is loaded. Memory is bounded by one tensor.

    `names` is what `match_matrices` returns; what `output` held is replaced.
    """
    by_tensor: dict[tuple[str, str], list[Matrix]] = {}
    for matrix in checkpoint.matrices:
        by_tensor.setdefault((matrix.file, matrix.tensor), []).append(matrix)
    record = {
        "format_version": FORMAT_VERSION,
        "mask": header.name,
        "mask_sha256": sha256_of(mask),
        "spec": header.spec,
        "checkpoint": checkpoint.manifest.sha256,
        "total": header.total,
        "removed": header.removed,
        "files": sorted(checkpoint.manifest.files),
    }
    with atomic_folder(output) as folder, safe_open(mask, framework="numpy") as bits:
        for name in checkpoint.manifest.files:
            shutil.copyfile(checkpoint.folder / name, folder / name)
        removed = 0
        for tensor in by_tensor.values():
            stored = checkpoint.folder / tensor[0].file
            entry = find_entry(stored, tensor[0])
            weights = np.array(map_tensor(stored, tensor[0].tensor, entry).bits)
            for matrix in tensor:
                packed = bits.get_tensor(names[matrix.name])
                check_bits(mask, header, names[matrix.name], packed)
                keep = np.unpackbits(packed, count=matrix.size, bitorder="little")
                removed += matrix.size - int(np.count_nonzero(keep))
                view = matrix.view(weights)
                # As integers: a product of floats would leave −0 where a negative weight goes.
                np.multiply(view, keep.reshape(view.shape), out=view)
                if progress:
                    progress(matrix.size)
            with (folder / tensor[0].file).open("r+b") as new:
                new.seek(entry.offset)
                new.write(weights.data)
        check_removed(mask, header, removed)
        write_json(folder / RECORD, record)
    return record
