"""What figures of performance drops show, picked from the tables: an element a row.

The file behind a figure holds just these rows, and the figure is drawn from nothing else.
"""

from collections.abc import Iterable

import pyarrow as pa

from essential_sparsity.drawing.rows import Row, Tables, grouped, names_of, pick, where
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.estimators.certification import is_learnt
from essential_sparsity.metrics import METRICS
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.tables import columns
from essential_sparsity.support.validation import unknown

# What tells one point of one curve from the others.
_POINT = ("task", "model", "family", "label", "scope", "pattern", "sparsity")
_PAIR = ("task", "model", "recipe", "seed")  # runs whose scores are compared
_DROP = ("drop", "drop_low", "drop_high")
_CENSORED = ("low_censored", "high_censored")
_CERTIFIED = ("certified", "certified_censored", "certification_level")
# The columns of an essential sparsity, and what they are called where they are drawn.
SPARSITIES = {"estimate": "sparsity", "low": "sparsity_low", "high": "sparsity_high"}
_ESSENTIAL = ("task", "model", "family", "label", "resolved", "confidence", *_CENSORED, *_CERTIFIED)

COLUMNS = {
    "runs": {*_POINT, *_PAIR, "control_of", "score"},
    "drop": {*_POINT, *_DROP, "control_of", "metric", "score", "score_low", "constant"},
    "essential": {*_ESSENTIAL, *SPARSITIES, "estimate_censored", "epsilon", "main"},
}

_NUMBER, _TEXT = pa.float64(), pa.string()

# What is drawn. Sparsities are shares of the prunable weights, drops are points.
DRAWN = pa.schema(
    [
        ("element", _TEXT),  # mean, seed, essential, dense, constant, control or epsilon
        *columns(_TEXT, "task", "model", "control_of"),
        *columns(_TEXT, "family", "label", "scope"),  # of masks: a curve, and in words
        ("pattern", _TEXT),  # null for masks of none
        ("seed", pa.int64()),
        *columns(_NUMBER, *SPARSITIES.values()),
        *columns(_TEXT, "censored", *_CENSORED),
        ("resolved", pa.bool_()),
        ("certified", _NUMBER),  # a sparsity; null where it could not be tested
        ("certified_censored", _TEXT),
        ("certification_level", _NUMBER),
        *columns(_NUMBER, *_DROP),
        ("metric", _TEXT),
        ("learnt", pa.bool_()),  # whether the dense model beats a constant answer
        *columns(_NUMBER, "score", "confidence"),
    ]
)


def drop_elements(tables: Tables, spec: FigureSpec) -> list[Row]:
    """Return all elements of figures of drops, with the columns of `DRAWN`."""
    drops = tables["drop"].to_pylist()
    essentials = tables["essential"].to_pylist()
    return [
        *_mean_rows(drops),
        *_seed_rows(tables["runs"].to_pylist()),
        *_essential_rows(essentials, spec.epsilon),
        *_dense_rows(drops),
        *_control_rows(drops),
        *({"element": "epsilon", "task": t, "drop": spec.epsilon} for t in names_of(drops, "task")),
    ]


def _mean_rows(drops: list[Row]) -> Iterable[Row]:
    """Yield the mean drops of models, by ascending sparsity."""
    for row in sorted(where(drops, control_of=None), key=lambda row: row["sparsity"]):
        yield {"element": "mean", **pick(row, *_POINT, *_DROP, "score")}


def _seed_rows(runs: list[Row]) -> Iterable[Row]:
    """Yield every sparse run's drop from the dense run of the same seed, if there are several."""
    runs = where(runs, control_of=None)
    if len(names_of(runs, "seed")) < 2:
        return  # it would be the mean once more
    dense = {tuple(pick(run, *_PAIR).values()): run["score"] for run in where(runs, sparsity=0)}
    for run in runs:
        if run["sparsity"] == 0:
            continue
        partner = tuple(pick(run, *_PAIR).values())
        if partner not in dense:
            raise UserError(
                "runs.parquet: no dense run of {}, {}, {}, seed {} to pair the sparse one "
                "with".format(*partner)
            )
        drop = dense[partner] - run["score"]
        yield {"element": "seed", **pick(run, *_POINT, "seed", "score"), "drop": drop}


def _essential_rows(essentials: list[Row], epsilon: float) -> Iterable[Row]:
    """Yield each curve's essential sparsity at ε, with its interval and its certified bound."""
    essentials = [row for row in essentials if row["main"]]
    chosen = where(essentials, epsilon=epsilon)
    if not chosen:
        known = ", ".join(f"{e:g}" for e in sorted(set(names_of(essentials, "epsilon"))))
        raise UserError(f"essential.parquet: epsilon: none is {epsilon:g} (known: {known})")
    for row in chosen:
        yield {
            "element": "essential",
            **pick(row, *_ESSENTIAL),
            **{drawn: row[name] for name, drawn in SPARSITIES.items()},
            "censored": row["estimate_censored"],
            "drop": epsilon,
        }


def _dense_rows(drops: list[Row]) -> Iterable[Row]:
    """Yield each model's dense score, and the drop that a constant answer would be."""
    for names, rows in grouped(where(drops, control_of=None, sparsity=0), "task", "model"):
        row = rows[-1]
        check_metric("drop.parquet", row["metric"])
        names["metric"] = row["metric"]
        learnt = is_learnt(row["score_low"], row["constant"])
        values = {"sparsity": 0.0, "score": row["score"], "learnt": learnt}
        yield {"element": "dense", **names, **values}
        if row["constant"] is not None:
            drop = row["score"] - row["constant"]
            yield {"element": "constant", **names, "drop": drop, "score": row["constant"]}


def _control_rows(drops: list[Row]) -> Iterable[Row]:
    """Yield each control's dense score, as a drop from its model's."""
    controls = [row for row in where(drops, sparsity=0) if row["control_of"] is not None]
    for _, rows in grouped(controls, "task", "model"):
        shown = pick(rows[-1], "task", "model", "control_of", "sparsity", *_DROP, "score")
        yield {"element": "control", **shown}


def check_metric(file: str, name: str) -> None:
    """Raise a `UserError` if no metric has the name that `file` states."""
    if name not in METRICS:
        raise UserError(unknown(file, "metric", name, METRICS, "metric"))


def axis_words(rows: Iterable[Row], of_one: str, of_several: str) -> str:
    """Return what an axis of points is called: `of_one` metric, whose name follows, or otherwise.

    The metrics are those of the `dense` elements.
    """
    metrics = [METRICS[name] for name in names_of(where(rows, element="dense"), "metric")]
    titles = dict.fromkeys((metric.title, metric.in_percent) for metric in metrics)
    if len(titles) > 1:
        return f"{of_several} (points)"
    ((title, in_percent),) = titles
    return f"{of_one} {title} ({'points' if in_percent else '× 100'})"
