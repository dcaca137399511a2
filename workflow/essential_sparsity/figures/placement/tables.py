"""Where a mask's removed weights lie, matrix by matrix: the table behind Figure 1's kind.

The feed-forward matrices hold two thirds of the weights of a usual transformer, so that a matrix's
share of all removed weights says little without its base share, and its rate stands beside it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from essential_sparsity.checkpoints.manifest import Manifest
from essential_sparsity.figures.masks import load_masks
from essential_sparsity.figures.placement.spec import PlacementSpec
from essential_sparsity.masks.mask import Mask
from essential_sparsity.masks.registry import label_of
from essential_sparsity.outcomes.columns import MASK_COLUMNS, mask_names
from essential_sparsity.support.tables import columns

SCHEMA = pa.schema(
    [
        ("model", pa.string()),
        *MASK_COLUMNS,
        ("matrix", pa.string()),
        ("layer", pa.int64()),
        *columns(pa.string(), "module", "part"),
        *columns(pa.int64(), "weights", "removed"),
        *columns(pa.float64(), "rate", "share", "base_share"),
    ]
)


def compute(root: Path, files: Sequence[str], spec: PlacementSpec) -> dict[str, pa.Table]:
    """Count the removed weights of every matrix of the masks whose manifests are among `files`.

    A row a matrix, in the checkpoint's order: `rate` is removed/weights, `share` is removed/all
    that the mask removes (0 where it removes nothing), `base_share` is weights/all prunable.
    """
    rows = [
        {"model": model, **mask_names(label_of(mask.header)), **row}
        for model, mask, manifest in load_masks(root, files, spec)
        for row in _count(mask, manifest)
    ]
    return {"placement": pa.Table.from_pylist(rows, SCHEMA)}


def _count(mask: Mask, manifest: Manifest) -> list[dict[str, Any]]:
    removed = mask.removed()
    total = sum(removed.values())
    return [
        {
            "matrix": matrix.name,
            "layer": matrix.layer,
            "module": matrix.module,
            "part": matrix.part,
            "weights": matrix.size,
            "removed": removed[matrix.name],
            "rate": removed[matrix.name] / matrix.size,
            "share": removed[matrix.name] / total if total else 0.0,
            "base_share": matrix.size / manifest.prunable_count,
        }
        for matrix in manifest.matrices
    ]
