"""What a figure of distributions shows, picked from its tables: densities, shares, shapes."""

from collections.abc import Iterator

import pyarrow as pa

from essential_sparsity.figures.spec import FigureSpec
from essential_sparsity.figures.stage import Row, Tables

COLUMNS = {
    "layers": frozenset(["model", "level", "layer", "gini", "kurtosis", "scaling"]),
    "near_zero": frozenset(["model", "level", "layer", "relative", "threshold", "share", "excess"]),
    "density": frozenset(["model", "layer", "left", "right", "density"]),
}

_NUMBER, _TEXT = pa.float64(), pa.string()

# What is drawn: an element a row; shares lie in [0, 1].
DRAWN = pa.schema(
    [
        ("element", _TEXT),  # density (a bin), near_zero, gini, kurtosis, or overall (a share)
        ("model", _TEXT),
        ("layer", pa.int64()),
        ("scaling", _TEXT),
        ("left", _NUMBER),  # a bin's edges, of the normalised weights
        ("right", _NUMBER),
        ("density", _NUMBER),
        ("relative", pa.bool_()),  # is the threshold a share of the matrix's σ?
        ("threshold", _NUMBER),
        ("share", _NUMBER),
        ("excess", _NUMBER),  # a share over the first model's, less 1
        ("gini", _NUMBER),
        ("kurtosis", _NUMBER),
    ]
)

# The share of its weights that every layer shows; more would be a line along the axis.
_SHOWN = 0.99


def select_distribution(tables: Tables, spec: FigureSpec) -> pa.Table:
    """Return what the figure shows, an element a row, with the columns of `DRAWN`.

    All layers of all models share one range of normalised weights: the narrowest about 0 that holds
    99 % of the weights of each of them.
    """
    del spec  # labels only, which are no data
    layers = [row for row in tables["layers"].to_pylist() if row["level"] == "layer"]
    shares = tables["near_zero"].to_pylist()
    of_layers = [row for row in shares if row["level"] == "layer"]
    of_models = [row for row in shares if row["level"] == "model"]
    return pa.Table.from_pylist(
        [
            *_densities(tables["density"].to_pylist(), layers[0]["scaling"]),
            *(_pick(row, "near_zero", "share") for row in of_layers),
            *(_pick(row, "gini", "gini") for row in layers),
            *(_pick(row, "kurtosis", "kurtosis") for row in layers),
            *(_pick(row, "overall", "share", "excess") for row in of_models),
        ],
        DRAWN,
    )


def _pick(row: Row, element: str, *values: str) -> Row:
    names = ("model", "layer", "relative", "threshold", *values)
    return {"element": element, **{name: row[name] for name in names if name in row}}


def _densities(bins: list[Row], scaling: str) -> Iterator[Row]:
    by_layer: dict[tuple[str, int], list[Row]] = {}
    for row in bins:
        by_layer.setdefault((row["model"], row["layer"]), []).append(row)
    reach = max(map(_reach, by_layer.values()))
    for row in bins:
        if row["left"] < reach and row["right"] > -reach:
            edges = {"left": row["left"], "right": row["right"]}
            yield {**_pick(row, "density", "density"), "scaling": scaling, **edges}


def _reach(bins: list[Row]) -> float:
    """Return how far from 0 the bins must go to hold the share that is shown."""
    shown, reach = 0.0, 0.0
    for row in sorted(bins, key=lambda row: abs(row["left"] + row["right"])):
        shown += row["density"] * (row["right"] - row["left"])
        reach = max(reach, abs(row["left"]), abs(row["right"]))
        if shown >= _SHOWN:
            break
    return reach


def models_of(rows: list[Row]) -> list[str]:
    """Return the models in the order in which they first come."""
    return list(dict.fromkeys(row["model"] for row in rows))
