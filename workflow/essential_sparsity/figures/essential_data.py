"""What the figure of all essential sparsities shows: a curve a row, whatever experiment has it."""

from typing import Any

import pyarrow as pa

from essential_sparsity.estimators.certification import is_learnt
from essential_sparsity.figures.drop_data import pick
from essential_sparsity.figures.spec import FigureSpec
from essential_sparsity.figures.stage import Row, Tables
from essential_sparsity.support.errors import UserError

_CURVE = ("task", "model", "recipe", "family", "label")
_VALUES = (
    "estimate_censored", "low_censored", "high_censored", "resolved",
    "certified", "certified_censored", "certification_level", "confidence",
    "dense_score", "dense_low", "constant", "metric",
)  # fmt: skip
# The table's columns as figures of drops name them.
SPARSITIES = {"estimate": "sparsity", "low": "sparsity_low", "high": "sparsity_high"}

COLUMNS = {
    "essential": frozenset([*_CURVE, *_VALUES, *SPARSITIES, "epsilon", "main", "grid"]),
}

_NUMBER, _TEXT = pa.float64(), pa.string()

# What is drawn: a curve a row. Sparsities are shares of the prunable weights, scores are points.
DRAWN = pa.schema(
    [
        ("element", _TEXT),  # essential
        *((name, _TEXT) for name in _CURVE),
        ("experiments", pa.list_(_TEXT)),
        *((name, _NUMBER) for name in SPARSITIES.values()),
        *((name, _TEXT) for name in ("censored", "low_censored", "high_censored")),
        ("resolved", pa.bool_()),
        ("certified", _NUMBER),
        ("certified_censored", _TEXT),
        ("certification_level", _NUMBER),
        ("epsilon", _NUMBER),
        ("confidence", _NUMBER),
        ("metric", _TEXT),
        ("dense_score", _NUMBER),
        ("learnt", pa.bool_()),  # is the dense model better than a constant answer?
        ("last", _NUMBER),  # the largest sparsity that was tested
    ]
)


def select_essential(tables: Tables, spec: FigureSpec) -> pa.Table:
    """Return what the figure shows, a curve a row, with the columns of `DRAWN`.

    Every curve is there at its experiment's own ε, which is that of its search where it has one.
    Tasks come in the order of the experiments, models in that of their colours. A curve that
    several experiments have alike is one row; where they found something else, on another grid,
    say, or with other seeds, each has its own.

    Raises:
        UserError: no row is `main`.
    """
    rows = [row for row in tables["essential"].to_pylist() if row["main"]]
    if not rows:
        raise UserError("essential.parquet: main: true in no row; there is nothing to draw")
    drawn = _distinct(rows)
    tasks = list(dict.fromkeys(row["task"] for row in drawn))
    drawn.sort(key=lambda row: (tasks.index(row["task"]), row["model"]))
    return pa.Table.from_pylist(drawn, DRAWN)


def _distinct(rows: list[Row]) -> list[Row]:
    """Return each curve once, with the experiments that have it."""
    found: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        shown = {
            "element": "essential",
            **pick(row, *_CURVE, *(name for name in _VALUES if name in DRAWN.names), "epsilon"),
            **{drawn: row[name] for name, drawn in SPARSITIES.items()},
            "censored": row["estimate_censored"],
            "learnt": is_learnt(row["dense_low"], row["constant"]),
            "last": max(row["grid"]),
        }
        first = found.setdefault(tuple(shown.values()), {**shown, "experiments": []})
        first["experiments"].append(row["experiment"])
    return list(found.values())
