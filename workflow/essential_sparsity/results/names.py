"""How tables name a mask: the columns that all of them share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from essential_sparsity.checkpoints.manifest import Manifest, load_manifest
from essential_sparsity.figures.masks import MasksSpec
from essential_sparsity.masks.header import Header
from essential_sparsity.masks.mask import Mask
from essential_sparsity.masks.spec import MaskLabel
from essential_sparsity.stages import paths
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import read_json

FAMILY_COLUMNS = [(name, pa.string()) for name in ("family", "label", "criterion", "scope")]
MASK_COLUMNS = [
    ("mask", pa.string()),
    *FAMILY_COLUMNS,
    ("pattern", pa.string()),
    ("sparsity", pa.float64()),
]


def mask_names(mask: MaskLabel) -> dict[str, Any]:
    """Return a mask's columns: `mask`, `family`, `label`, `criterion`, … `sparsity`."""
    return {
        "mask": mask.name,
        "family": mask.family,
        "label": mask.label,
        "criterion": mask.criterion,
        "scope": mask.scope,
        "pattern": mask.pattern,
        "sparsity": mask.sparsity,
    }


def resolve_sparsity(root: Path, model: str, mask: MaskLabel) -> MaskLabel:
    """Return the label with its sparsity, read from the mask's manifest where nothing else says it.

    Raises:
        UserError: the manifest is missing or damaged.
    """
    if mask.sparsity is not None:
        return mask
    path = root / paths.MASK_MANIFEST.format(model=model, mask=mask.name)
    manifest = read_json(path, "mask manifest")
    try:
        sparsity = manifest["removed"] / manifest["total"]
    except (KeyError, TypeError, ZeroDivisionError):
        raise UserError(f"{path}: not a mask manifest: lacks the counts") from None
    return mask.model_copy(update={"sparsity": sparsity})


def load_masks(root: Path, spec: MasksSpec) -> Iterator[tuple[str, MaskLabel, Mask, Manifest]]:
    """Yield each model's masks with the model, the mask's label and the checkpoint's manifest.

    A label that leaves the sparsity to the mask's file has it here.

    Raises:
        UserError: a mask or checkpoint is missing or damaged, or they do not belong together.
    """
    for model in spec.models:
        folder = root / paths.CHECKPOINT.format(model=model)
        # Only names and shapes are read: what the stages before read, they have verified.
        manifest = load_manifest(folder, verify=False)
        for label in spec.masks:
            mask = load_mask_of(root, model, label.name, manifest)
            sparsity = mask.sparsity if label.sparsity is None else label.sparsity
            yield model, label.model_copy(update={"sparsity": sparsity}), mask, manifest


def load_mask_of(root: Path, model: str, name: str, manifest: Manifest) -> Mask:
    """Load a model's mask below `root` and check that it is of this name and checkpoint.

    Raises:
        UserError: it is missing, damaged, or another mask than its path says.
    """
    path = root / paths.MASK.format(model=model, mask=name)
    mask = Mask.load(path)
    check_header_of(path, mask.header, name, manifest)
    return mask


def check_header_of(path: Path, header: Header, name: str, manifest: Manifest) -> None:
    """Check that the mask at `path` is of this name and of the manifest's checkpoint.

    Raises:
        UserError: it is another mask than its path says.
    """
    if header.name != name:
        raise UserError(f"{path}: holds the mask '{header.name}'; {_REMEDY}")
    shapes = {matrix.name: matrix.shape for matrix in manifest.matrices}
    if header.checkpoint != manifest.sha256 or header.shapes != shapes:
        raise UserError(f"{path}: was made from another version of the checkpoint; {_REMEDY}")


_REMEDY = "delete it and run the study again"
