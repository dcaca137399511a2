"""The registry of criteria: each turns a checkpoint's weights into a mask of the wanted sparsity.

A criterion reads tensor by tensor, so that memory is bounded by the largest matrix and the packed
mask, not by the model.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from essential_sparsity.checkpoints.manifest import Manifest
from essential_sparsity.checkpoints.tensors import StoredTensor, read_tensor
from essential_sparsity.errors import UserError
from essential_sparsity.masks.mask import Mask
from essential_sparsity.masks.selection import Keys, find_threshold, keep_above, removed_count
from essential_sparsity.masks.spec import MaskSpec

_Criterion = Callable[[Path, Manifest, MaskSpec], Mask]


def compute_mask(folder: Path, manifest: Manifest, spec: MaskSpec) -> Mask:
    """Return the mask that `spec` asks for of the checkpoint in `folder`.

    Raises:
        UserError: a weight is NaN or infinite, or the checkpoint's files are damaged.
    """
    return CRITERIA[spec.criterion](folder, manifest, spec)


def _dense(folder: Path, manifest: Manifest, spec: MaskSpec) -> Mask:
    """Keep every weight."""
    keeps = (np.ones(matrix.shape, dtype=np.bool_) for matrix in manifest.matrices)
    return _build(manifest, spec, keeps, threshold=None)


def _magnitude(folder: Path, manifest: Manifest, spec: MaskSpec) -> Mask:
    """One-shot magnitude pruning (paper, §3): remove the k smallest |w| of all matrices."""

    def keys() -> Iterator[Keys]:
        return (_fp32_keys(read_tensor(folder, matrix)) for matrix in manifest.matrices)

    count = removed_count(spec.sparsity, manifest.prunable_count)
    if count == 0:
        return _dense(folder, manifest, spec)
    threshold = find_threshold(keys, count)
    return _build(manifest, spec, keep_above(keys(), threshold), threshold.magnitude)


def _fp32_keys(tensor: StoredTensor) -> Keys:
    """Return the tensor's magnitude keys on the scale of fp32, into which halves fit exactly.

    Raises:
        UserError: a weight is not finite, or the tensor is stored in a wider format.
    """
    if tensor.dtype not in ("F32", "F16", "BF16"):
        raise UserError(
            f"{tensor.name}: stored as {tensor.dtype}; magnitudes are selected on F32, F16 or BF16"
        )
    keys = tensor.magnitude_keys()
    if tensor.dtype != "F32":
        keys = tensor.values().view(np.uint32) & np.uint32(0x7FFFFFFF)
    return keys.astype(np.uint32, copy=False)


def _build(
    manifest: Manifest,
    spec: MaskSpec,
    keeps: Iterator[NDArray[np.bool_]],
    threshold: float | None,
) -> Mask:
    names = (matrix.name for matrix in manifest.matrices)
    return Mask.build(
        zip(names, keeps, strict=True),
        spec,
        architecture=manifest.architecture,
        checkpoint=manifest.sha256,
        selected_on=",".join(sorted({matrix.dtype for matrix in manifest.matrices})),
        threshold=threshold,
    )


CRITERIA: dict[str, _Criterion] = {"dense": _dense, "magnitude": _magnitude}
