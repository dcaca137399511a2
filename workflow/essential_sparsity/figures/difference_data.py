"""What a figure of score differences shows, picked from the tables: an element a row."""

from collections.abc import Iterable, Iterator

import pyarrow as pa

from essential_sparsity.estimators.certification import is_learnt
from essential_sparsity.figures.drop_data import pick
from essential_sparsity.figures.spec import FigureSpec
from essential_sparsity.figures.stage import Row, Tables
from essential_sparsity.metrics import METRICS
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.validation import unknown

# What tells one point of one curve from the others, and what it is held against.
_POINT = ("task", "model", "family", "label", "baseline", "baseline_label", "sparsity")
_VALUES = ("difference", "difference_low", "difference_high", "score", "baseline_score")
_DENSE = ("dense_low", "constant")

COLUMNS = {
    "runs": frozenset(["task", "model", "mask", "seed", "control_of", "metric", "score"]),
    "difference": frozenset([*_POINT, "mask", "baseline_mask", *_VALUES, "confidence", *_DENSE]),
}

_NUMBER, _TEXT = pa.float64(), pa.string()

# What is drawn: an element a row. Sparsities are shares of the prunable weights.
DRAWN = pa.schema(
    [
        ("element", _TEXT),  # mean, seed or dense
        ("task", _TEXT),
        ("model", _TEXT),
        ("family", _TEXT),  # of masks: a curve
        ("label", _TEXT),  # the family in words
        ("baseline", _TEXT),  # the family that it is held against
        ("baseline_label", _TEXT),
        ("seed", pa.int64()),
        ("sparsity", _NUMBER),
        ("difference", _NUMBER),
        ("difference_low", _NUMBER),
        ("difference_high", _NUMBER),
        ("metric", _TEXT),
        ("learnt", pa.bool_()),  # whether the dense model beats one answer to everything
        ("score", _NUMBER),
        ("baseline_score", _NUMBER),
        ("confidence", _NUMBER),
    ]
)


def select_difference(tables: Tables, spec: FigureSpec) -> pa.Table:
    """Return what the figure shows, an element a row, with the columns of `DRAWN`.

    Raises:
        UserError: a run that a difference is made of is not among the runs.
    """
    del spec  # labels only, which are no data
    differences = sorted(tables["difference"].to_pylist(), key=lambda row: row["sparsity"])
    runs = [run for run in tables["runs"].to_pylist() if run["control_of"] is None]
    rows = [
        *({"element": "mean", **pick(row, *_POINT, *_VALUES, "confidence")} for row in differences),
        *_seed_rows(differences, runs),
        *_dense_rows(runs, differences),
    ]
    return pa.Table.from_pylist(rows, DRAWN)


def _seed_rows(differences: list[Row], runs: list[Row]) -> Iterator[Row]:
    """Yield the difference of every two runs of equal seed, if there are several seeds."""
    seeds = sorted({run["seed"] for run in runs})
    if len(seeds) < 2:
        return  # it would be the mean once more
    scores = {_run(run, run["mask"], run["seed"]): run["score"] for run in runs}
    for row in differences:
        for seed in seeds:
            pair = [_run(row, row[key], seed) for key in ("mask", "baseline_mask")]
            missing = [run for run in pair if run not in scores]
            if len(missing) == 1:
                raise UserError(
                    "runs.parquet: no run of {}, {}, {}, seed {} to pair another with".format(
                        *missing[0]
                    )
                )
            if missing:
                continue  # tasks may have seeds of their own
            score, baseline = (scores[run] for run in pair)
            yield {
                "element": "seed",
                **pick(row, *_POINT),
                "seed": seed,
                "score": score,
                "baseline_score": baseline,
                "difference": score - baseline,
            }


def _run(row: Row, mask: str, seed: int) -> tuple[str, str, str, int]:
    return row["task"], row["model"], mask, seed


def _dense_rows(runs: list[Row], differences: list[Row]) -> Iterable[Row]:
    """Yield each model's dense score, the mean over seeds, and whether it has learnt.

    Raises:
        UserError: the metric is not known.
    """
    scores: dict[tuple[str, str, str], list[float]] = {}
    for run in runs:
        if run["mask"] == "dense":
            scores.setdefault((run["task"], run["model"], run["metric"]), []).append(run["score"])
    for (task, model, metric), found in scores.items():
        if metric not in METRICS:
            raise UserError(unknown("runs.parquet", "metric", metric, METRICS, "metric"))
        score = sum(found) / len(found)
        learnt = all(
            is_learnt(row["dense_low"], row["constant"])
            for row in differences
            if (row["task"], row["model"]) == (task, model)
        )
        place = {"task": task, "model": model, "metric": metric}
        yield {"element": "dense", **place, "score": score, "learnt": learnt}
