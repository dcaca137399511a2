"""Where a mask's removed weights lie, matrix by matrix: the table behind Figure 1's kind.

The feed-forward matrices hold two thirds of the weights of a usual transformer, so that a matrix's
share of all removed weights says little without its base share, and its rate stands beside it.
"""

import argparse
from math import prod
from pathlib import Path
from typing import Any

import pyarrow as pa

from essential_sparsity import paths
from essential_sparsity.checkpoints.manifest import Manifest, load_manifest
from essential_sparsity.errors import UserError, run_stage
from essential_sparsity.masks.mask import Mask
from essential_sparsity.masks.spec import MaskSpec
from essential_sparsity.statistics.spec import PlacementSpec
from essential_sparsity.tables import provenance, write_table

STAGE = "essential_sparsity.statistics.placement"

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("model", "mask", "criterion", "scope")),
        ("sparsity", pa.float64()),
        ("matrix", pa.string()),
        ("layer", pa.int64()),
        ("module", pa.string()),
        ("part", pa.string()),
        ("weights", pa.int64()),
        ("removed", pa.int64()),
        *((name, pa.float64()) for name in ("rate", "share", "base_share")),
    ]
)


def compute_placement(root: Path, spec: PlacementSpec) -> pa.Table:
    """Count the removed weights of every matrix of every model's masks below `root`.

    A row a matrix, in the checkpoint's order: `rate` is removed/weights, `share` is removed/all
    that the mask removes (0 where it removes nothing), `base_share` is weights/all prunable.

    Raises:
        UserError: a mask or checkpoint is missing or damaged, or they do not belong together.
    """
    rows: list[dict[str, Any]] = []
    for model in spec.models:
        folder = root / paths.CHECKPOINT.format(model=model)
        # Only names and shapes are read: what the stages before read, they have verified.
        manifest = load_manifest(folder, verify=False)
        for mask in spec.masks:
            path = root / paths.MASK.format(model=model, mask=mask.name)
            for row in _count(_load(path, mask, manifest), manifest):
                rows.append({"model": model, **_names(mask), **row})
    return pa.Table.from_pylist(rows, SCHEMA)


def _names(mask: MaskSpec) -> dict[str, Any]:
    return {
        "mask": mask.name,
        "criterion": mask.criterion,
        "scope": mask.scope,
        "sparsity": mask.sparsity,
    }


def _load(path: Path, spec: MaskSpec, manifest: Manifest) -> Mask:
    mask = Mask.load(path)
    if mask.spec != spec:
        raise UserError(f"{path}: holds the mask '{mask.spec.name}'; {_REMEDY}")
    shapes = {matrix.name: matrix.shape for matrix in manifest.matrices}
    if mask.header.checkpoint != manifest.sha256 or mask.header.shapes != shapes:
        raise UserError(f"{path}: was made from another version of the checkpoint; {_REMEDY}")
    return mask


def _count(mask: Mask, manifest: Manifest) -> list[dict[str, Any]]:
    removed = {name: prod(mask.shape(name)) - mask.kept(name) for name in mask.matrices}
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


_REMEDY = "delete it and run the study again"


def main() -> None:
    """Run the stage from the command line."""
    parser = argparse.ArgumentParser(prog=f"python -m {STAGE}", description=__doc__)
    parser.add_argument("--spec", required=True, help="a PlacementSpec: JSON, or a file of it")
    parser.add_argument("--output", required=True, type=Path, help="folder for the table")
    arguments = parser.parse_args()
    spec = PlacementSpec.read(arguments.spec)
    table = compute_placement(Path(), spec)
    origin = provenance(STAGE, spec.document())
    write_table(arguments.output / "placement.parquet", table, origin)


if __name__ == "__main__":
    run_stage(main)
