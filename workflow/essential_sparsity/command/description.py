"""What a mask's file says of it, as data and in words."""

from pathlib import Path
from typing import Any

from essential_sparsity.masks.mask import load_header


def mask_file(path: Path) -> Path:
    """Return the mask's file, also where the manifest beside it is named."""
    mask = path.with_suffix(".safetensors")
    return mask if path.suffix == ".json" and mask.is_file() else path


def describe_mask(path: Path) -> dict[str, Any]:
    """Return what a mask's file says of it, as plain data.

    Raises:
        UserError: it is no mask.
    """
    header = load_header(path)
    return {
        "path": str(path),
        "name": header.name or path.stem,
        "spec": header.spec,
        "architecture": header.architecture,
        "checkpoint": header.checkpoint,
        "total": header.total,
        "removed": header.removed,
        "sparsity": header.sparsity,
        "threshold": header.threshold,
        "selected_on": header.selected_on,
        "inputs": header.inputs,
    }


def count_cells(mask: dict[str, Any]) -> list[str]:
    """Return a table's cells of how much a mask removes: `5`, `of 10`, `50.00 %`."""
    removed, total = mask["removed"], mask["total"]
    return [f"removed {removed:,}", f"of {total:,}", f"{100 * removed / total:.2f} %"]


def describe_count(removed: int, total: int) -> str:
    """Return `removed 5 of 10 weights (50.00 %)`."""
    return f"removed {removed:,} of {total:,} weights ({100 * removed / total:.2f} %)"
