"""What figures of performance drops show, picked from the tables: an element a row.

The file behind a figure holds just these rows, and the figure is drawn from nothing else.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from essential_sparsity.estimators.certification import is_learnt
from essential_sparsity.metrics import METRICS
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.validation import unknown

Tables = Mapping[str, pa.Table]
Row = dict[str, Any]

# What tells one point of one curve from the others.
POINT = ("task", "model", "family", "label", "scope", "pattern", "sparsity")

COLUMNS = {
    "runs": frozenset([*POINT, "recipe", "seed", "control_of", "score"]),
    "drop": frozenset(
        [
            *(*POINT, "control_of", "metric", "score", "score_low"),
            *("drop", "drop_low", "drop_high", "constant"),
        ],
    ),
    "essential": frozenset(
        [
            "model",
            "task",
            "family",
            "label",
            "epsilon",
            "main",
            "confidence",
            "estimate",
            "estimate_censored",
            "low",
            "low_censored",
            "high",
            "high_censored",
            "resolved",
            "certified",
            "certified_censored",
            "certification_level",
        ]
    ),
}

_NUMBER, _TEXT = pa.float64(), pa.string()

# What is drawn: an element a row. Sparsities are shares of the prunable weights, drops are points.
DRAWN = pa.schema(
    [
        ("element", _TEXT),  # mean, seed, essential, dense, constant, control or epsilon
        ("task", _TEXT),
        ("model", _TEXT),
        ("control_of", _TEXT),
        ("family", _TEXT),  # of masks: a curve
        ("label", _TEXT),  # the family in words
        ("scope", _TEXT),
        ("pattern", _TEXT),  # null for masks of none
        ("seed", pa.int64()),
        ("sparsity", _NUMBER),
        ("sparsity_low", _NUMBER),
        ("sparsity_high", _NUMBER),
        ("censored", _TEXT),
        ("low_censored", _TEXT),
        ("high_censored", _TEXT),
        ("resolved", pa.bool_()),
        ("certified", _NUMBER),  # a sparsity; null where it could not be tested
        ("certified_censored", _TEXT),
        ("certification_level", _NUMBER),
        ("drop", _NUMBER),
        ("drop_low", _NUMBER),
        ("drop_high", _NUMBER),
        ("metric", _TEXT),
        ("learnt", pa.bool_()),  # whether the dense model beats one answer to everything
        ("score", _NUMBER),
        ("confidence", _NUMBER),
    ]
)


def names_of(rows: Iterable[Row], key: str) -> list[str]:
    """Return the different values of `key`, in the order of their first appearance."""
    return list(dict.fromkeys(row[key] for row in rows))


def pick(row: Row, *keys: str) -> Row:
    """Return the row with just these keys."""
    return {key: row[key] for key in keys}


def drop_words(rows: Iterable[Row]) -> str:
    """Return what the axis of drops is called: of one metric, or of several."""
    return axis_words(rows, "Drop in", "Performance drop")


def axis_words(rows: Iterable[Row], of_one: str, of_several: str) -> str:
    """Return what an axis of points is called: `of_one` metric, whose name follows, or otherwise.

    The metrics are those of the `dense` elements.
    """
    metrics = [
        METRICS[name]
        for name in names_of((row for row in rows if row["element"] == "dense"), "metric")
    ]
    titles = dict.fromkeys((metric.title, metric.in_percent) for metric in metrics)
    if len(titles) > 1:
        return f"{of_several} (points)"
    ((title, in_percent),) = titles
    return f"{of_one} {title} ({'points' if in_percent else '× 100'})"


def mean_rows(drops: list[Row]) -> Iterable[Row]:
    """Yield the mean drops of models, by ascending sparsity."""
    for row in sorted(drops, key=lambda row: row["sparsity"]):
        if row["control_of"] is None:
            values = pick(row, "drop", "drop_low", "drop_high", "score")
            yield {"element": "mean", **pick(row, *POINT), **values}


def seed_rows(runs: list[Row]) -> Iterable[Row]:
    """Yield every sparse run's drop from the dense run of the same seed, if there are several.

    Raises:
        UserError: there is no such dense run.
    """
    runs = [run for run in runs if run["control_of"] is None]
    if len(names_of(runs, "seed")) < 2:
        return  # it would be the mean once more
    pair = ("task", "model", "recipe", "seed")
    dense = {tuple(run[k] for k in pair): run["score"] for run in runs if run["sparsity"] == 0}
    for run in runs:
        if run["sparsity"] == 0:
            continue
        partner = tuple(run[key] for key in pair)
        if partner not in dense:
            raise UserError(
                "runs.parquet: no dense run of {}, {}, {}, seed {} to pair the sparse one "
                "with".format(*partner)
            )
        yield {
            "element": "seed",
            **pick(run, *POINT, "seed", "score"),
            "drop": dense[partner] - run["score"],
        }


def essential_rows(essentials: list[Row], epsilon: float) -> Iterable[Row]:
    """Yield each curve's essential sparsity at ε, with its interval and its certified bound.

    Raises:
        UserError: none is that of ε.
    """
    essentials = [row for row in essentials if row["main"]]
    chosen = [row for row in essentials if row["epsilon"] == epsilon]
    if not chosen:
        known = ", ".join(f"{e:g}" for e in sorted(set(names_of(essentials, "epsilon"))))
        raise UserError(f"essential.parquet: epsilon: none is {epsilon:g} (known: {known})")
    for row in chosen:
        yield {
            "element": "essential",
            **pick(row, "task", "model", "family", "label", "resolved", "confidence"),
            **pick(row, "low_censored", "high_censored"),
            **pick(row, "certified", "certified_censored", "certification_level"),
            "censored": row["estimate_censored"],
            "sparsity": row["estimate"],
            "sparsity_low": row["low"],
            "sparsity_high": row["high"],
            "drop": epsilon,
        }


def dense_rows(drops: list[Row]) -> Iterable[Row]:
    """Yield each model's dense score, and the drop that one answer to everything would be.

    Raises:
        UserError: the metric is not known.
    """
    dense = {
        (row["task"], row["model"]): row
        for row in drops
        if row["control_of"] is None and row["sparsity"] == 0
    }
    for row in dense.values():
        names = pick(row, "task", "model", "metric")
        if row["metric"] not in METRICS:
            raise UserError(unknown("drop.parquet", "metric", row["metric"], METRICS, "metric"))
        learnt = is_learnt(row["score_low"], row["constant"])
        values = {"sparsity": 0.0, "score": row["score"], "learnt": learnt}
        yield {"element": "dense", **names, **values}
        if row["constant"] is not None:
            drop = row["score"] - row["constant"]
            yield {"element": "constant", **names, "drop": drop, "score": row["constant"]}


def control_rows(drops: list[Row]) -> Iterable[Row]:
    """Yield each control's dense score, as a drop from its model's."""
    dense = {
        (row["task"], row["model"]): row
        for row in drops
        if row["control_of"] is not None and row["sparsity"] == 0
    }
    keys = ("task", "model", "control_of", "sparsity", "drop", "drop_low", "drop_high", "score")
    for row in dense.values():
        yield {"element": "control", **pick(row, *keys)}


def epsilon_rows(drops: list[Row], epsilon: float) -> Iterable[Row]:
    """Yield each task's line at ε."""
    for task in names_of(drops, "task"):
        yield {"element": "epsilon", "task": task, "drop": epsilon}
