"""The models' weights side by side, layer by layer: the tables behind Figure 7's kind.

The paper says that a self-supervised vision transformer has more zero weights than a supervised
one. Exact zeros do not occur under Adam, so that weights below several thresholds are counted, and
each model's overall share is held against the first model's.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from essential_sparsity.support.errors import UserError
from essential_sparsity.support.tables import columns, origin_of, read_table
from essential_sparsity.weights.measurement import MEASURES, PLACE
from essential_sparsity.weights.measurement import SCHEMA as MEASUREMENT
from essential_sparsity.weights.spec import WeightsSpec

_MODEL = ("model", pa.string())
_NUMBER, _COUNT = pa.float64(), pa.int64()

SCHEMAS = {
    "layers": pa.schema(
        [_MODEL, *PLACE, *MEASURES, ("scaling", pa.string()), *columns(_NUMBER, "shift", "scale")]
    ),
    "near_zero": pa.schema(
        [
            _MODEL,
            *PLACE,
            ("relative", pa.bool_()),
            ("threshold", _NUMBER),
            *columns(_COUNT, "weights", "below"),
            *columns(_NUMBER, "share", "excess"),
        ]
    ),
    "density": pa.schema(
        [
            _MODEL,
            ("layer", _COUNT),
            *columns(_NUMBER, "left", "right"),
            ("count", _COUNT),
            ("density", _NUMBER),
        ]
    ),
}

Row = dict[str, Any]


def compute(root: Path, files: Sequence[str], spec: WeightsSpec) -> dict[str, pa.Table]:
    """Return the tables `layers`, `near_zero` and `density` (columns: `SCHEMAS`), models in order.

    `share` is below/weights. `excess` is a model's overall share over the first model's, less 1;
    null for layers and matrices, for the first model, and where that has no weight so near to zero.
    `density` is a bin's count/(the layer's weights × the bin's width), per unit of the normalised
    weight.
    """
    tables: dict[str, list[Row]] = {name: [] for name in SCHEMAS}
    for row in (row for file in files for row in _load(root / file, spec)):
        model = {"model": row["model"]}
        tables["layers"].append({**row, "scaling": spec.scaling})
        tables["near_zero"] += ({**model, **found} for found in _near_zero(row, spec))
        if row["level"] == "layer":
            tables["density"] += ({**model, **found} for found in _density(row))
    _compare(tables["near_zero"])
    return {name: pa.Table.from_pylist(tables[name], schema) for name, schema in SCHEMAS.items()}


def _load(path: Path, spec: WeightsSpec) -> list[Row]:
    table = read_table(path, set(MEASUREMENT.names))
    if origin_of(table).get("spec") != spec.document():
        raise UserError(
            f"{path}: was measured with other settings; delete it and run the study again"
        )
    rows: list[Row] = table.to_pylist()
    return rows


def _near_zero(row: Row, spec: WeightsSpec) -> Iterator[Row]:
    """Yield the row's place and near-zero share, once a threshold."""
    place = {name: row[name] for name, _ in PLACE}
    for relative, thresholds, counts in (
        (False, spec.thresholds, row["near_zero"]),
        (True, spec.relative_thresholds, row["near_zero_relative"]),
    ):
        for threshold, below in zip(thresholds, counts, strict=True):
            yield {
                **place,
                "relative": relative,
                "threshold": threshold,
                "weights": row["weights"],
                "below": below,
                "share": below / row["weights"],
            }


def _density(row: Row) -> Iterator[Row]:
    edges = row["edges"]
    for left, right, count in zip(edges[:-1], edges[1:], row["counts"], strict=True):
        yield {
            "layer": row["layer"],
            "left": left,
            "right": right,
            "count": count,
            "density": count / (row["weights"] * (right - left)),
        }


def _compare(rows: list[Row]) -> None:
    """Give the other models' overall shares their excess over the first model's."""
    first: dict[tuple[bool, float], float] = {}
    for row in (row for row in rows if row["level"] == "model"):
        threshold = row["relative"], row["threshold"]
        if threshold not in first:
            first[threshold] = row["share"]
        elif base := first[threshold]:
            row["excess"] = row["share"] / base - 1
