"""Where in its matrix each removed weight lies, block by block: the tables behind Figure 1's kind.

A block's rate shows the pattern; the dispersions say whether it is more than chance. Were the
removed weights of a matrix drawn at random, the number that a row loses would be hypergeometric. A
dispersion is the variance of these numbers over that of chance: 1 by chance, give or take
√(2 / (rows − 1)), above it where removed weights gather in some rows, below it where each row is
held to its share. That of the columns is alike.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from essential_sparsity.checkpoints.manifest import Manifest, Matrix
from essential_sparsity.figures.masks import load_masks
from essential_sparsity.figures.positions.spec import PositionsSpec
from essential_sparsity.masks.mask import Mask
from essential_sparsity.masks.registry import label_of
from essential_sparsity.outcomes.columns import MASK_COLUMNS, mask_names
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.tables import columns
from essential_sparsity.support.validation import unknown

_NUMBER, _COUNT = pa.float64(), pa.int64()
_PLACE = [
    ("model", pa.string()),
    *MASK_COLUMNS,
    ("matrix", pa.string()),
    ("layer", _COUNT),
    *columns(pa.string(), "module", "part"),
]
_EDGES = ("row_start", "row_stop", "column_start", "column_stop")

SCHEMAS = {
    "positions": pa.schema(
        [*_PLACE, *columns(_COUNT, *_EDGES, "weights", "removed"), ("rate", _NUMBER)]
    ),
    "dispersion": pa.schema(
        [
            *_PLACE,
            *columns(_COUNT, "rows", "columns", "weights", "removed"),
            *columns(_NUMBER, "rate", "row_dispersion", "column_dispersion"),
        ]
    ),
}

_Counts = npt.NDArray[np.int64]


def compute(root: Path, files: Sequence[str], spec: PositionsSpec) -> dict[str, pa.Table]:
    """Count the removed weights of every block, row and column of the chosen matrices.

    Returns:
        `positions`, a row a block (half-open, from 0; rows are outputs, columns inputs), and
        `dispersion`, a row a matrix, whose dispersions are null where chance has no variance.
    """
    tables: dict[str, list[pa.Table]] = {name: [] for name in SCHEMAS}
    for model, mask, manifest in load_masks(root, files, spec):
        names = {"model": model, **mask_names(label_of(mask.header))}
        for matrix in _choose(spec, model, manifest):
            of_matrix = {key: getattr(matrix, key) for key in ("layer", "module", "part")}
            place = {**names, "matrix": matrix.name, **of_matrix}
            for name, counted in _count(mask, matrix, spec.blocks).items():
                tables[name].append(_with_place(place, counted, SCHEMAS[name]))
    return {name: pa.concat_tables(found) for name, found in tables.items()}


def _choose(spec: PositionsSpec, model: str, manifest: Manifest) -> Iterator[Matrix]:
    """Yield the chosen matrices in THE matrix order."""
    layers = sorted({matrix.layer for matrix in manifest.matrices})
    modules = list(dict.fromkeys(matrix.module for matrix in manifest.matrices))
    where = f"model '{model}'"
    for layer in spec.layers:
        if layer not in layers:
            known = f"{layers[0]} to {layers[-1]}"
            raise UserError(f"{where}: options.layers: unknown layer {layer} (known: {known})")
    for module in spec.modules:
        if module not in modules:
            raise UserError(unknown(where, "options.modules", module, modules, "module"))
    wanted = [m for m in manifest.matrices if m.module in (spec.modules or modules)]
    # A pooler is no layer: it is drawn where its place, or its module alone, is asked for.
    own = sorted({m.layer for m in wanted if m.part != "pooler"}) or layers[-1:]
    chosen = spec.layers or (own[0], own[len(own) // 2], own[-1])
    found = [matrix for matrix in wanted if matrix.layer in chosen]
    if not found:
        raise UserError(f"{where}: options: no chosen layer has one of the chosen modules")
    yield from found


def _edges(size: int, blocks: int) -> _Counts:
    """Return where nearly equal stretches begin and end, of at most `blocks`: (stretches + 1,)."""
    count = min(blocks, size)
    return np.arange(count + 1) * size // count


def _count(mask: Mask, matrix: Matrix, blocks: int) -> dict[str, dict[str, Any]]:
    """Return the columns of both tables that belong to one matrix alone."""
    gone = ~mask.keep(matrix.name)
    rows, columns = gone.shape
    down, across = _edges(rows, blocks), _edges(columns, blocks)
    by_row_block = np.add.reduceat(gone, down[:-1], axis=0, dtype=np.int64)
    by_block = np.add.reduceat(by_row_block, across[:-1], axis=1)
    by_row, by_column = gone.sum(axis=1), by_row_block.sum(axis=0)
    sizes = np.outer(np.diff(down), np.diff(across))
    tall, wide = sizes.shape
    removed = int(by_row.sum())
    return {
        "positions": {
            "row_start": np.repeat(down[:-1], wide),
            "row_stop": np.repeat(down[1:], wide),
            "column_start": np.tile(across[:-1], tall),
            "column_stop": np.tile(across[1:], tall),
            "weights": sizes.ravel(),
            "removed": by_block.ravel(),
            "rate": (by_block / sizes).ravel(),
        },
        "dispersion": {
            "rows": [rows],
            "columns": [columns],
            "weights": [gone.size],
            "removed": [removed],
            "rate": [removed / gone.size],
            "row_dispersion": [dispersion(by_row, columns)],
            "column_dispersion": [dispersion(by_column, rows)],
        },
    }


def dispersion(counts: _Counts, size: int) -> float | None:
    """Return the variance of counts over that of drawing as many weights at random.

    `counts` (lines,) is how many weights each row (or column) loses, of `size` that each has.

    Returns:
        1 in the mean if it is chance; None where chance has no variance: all or no weights are
        removed, or there is one line.
    """
    lines = len(counts)
    total = lines * size
    rate = float(counts.sum()) / total
    if lines == 1 or rate in (0, 1):
        return None
    by_chance = size * rate * (1 - rate) * (total - size) / (total - 1)
    return float(counts.var()) / by_chance


def _with_place(place: dict[str, Any], counted: dict[str, Any], schema: pa.Schema) -> pa.Table:
    count = len(counted["weights"])
    repeated = {name: [value] * count for name, value in place.items()}
    return pa.table({**repeated, **counted}, schema)
