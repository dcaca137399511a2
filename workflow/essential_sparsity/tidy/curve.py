"""A curve from a tidy table of predictions, whoever wrote it: no files, no study."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa

from essential_sparsity.estimators.bootstrap import named_generator
from essential_sparsity.estimators.curve import Curve, Scores
from essential_sparsity.estimators.settings import Settings
from essential_sparsity.metrics import METRICS
from essential_sparsity.metrics.metric import Metric, share_of

# One curve has one of each, where the table says them.
_NAMES = ("model", "task", "recipe")

# Column → which of its values are right, and what they are called.
_RANGES: tuple[tuple[str, Callable[["pd.Series[float]"], "pd.Series[bool]"], str], ...] = (
    ("sparsity", lambda values: values.between(0, 1, inclusive="left"), "in [0, 1)"),
    ("seed", lambda values: values.isna() | (values == values.round()), "a whole number"),
    ("replicate", lambda values: values.isna() | (values == values.round()), "a whole number"),
    ("score", lambda values: values.between(0, 1), "in [0, 1]"),
)

# The mean over all examples of what each of them scored.
_MEAN_SCORE = share_of("score")


def curve_of(
    predictions: pd.DataFrame,
    metric: str | None = "accuracy",
    settings: Settings | None = None,
) -> Curve:
    """Return the curve of the runs of one model, task and family of masks.

    Of a study's `predictions.parquet` these are the rows of one family and of the dense model; its
    `essential_rows()` are then those of the study's own table, as long as there was no search.

    Args:
        predictions: a row an example of a run: `sparsity` in [0, 1), 0 for the dense model, `seed`
            and `id`, and `label` and `prediction`, numbers both. All runs have the same ids, the
            dense model has all seeds. `replicate` takes the place of `seed` where other draws tell
            runs apart, say of calibration data. Either is null where nothing is drawn: such a run
            is compared with all others. Rows of equal `cluster`, if there is that column, belong
            together and are resampled as a whole. Other columns are names.
        metric: one of `metrics.METRICS` that reads labels; or None: the mean of a column `score` in
            [0, 1], such as a question's F1.
        settings: tolerances, level of confidence, resamples.

    Raises:
        ValueError: a column is missing, a value no number, a run incomplete or there twice, or
            the rows are of several curves.

    >>> import essential_sparsity as es, pandas
    >>> curve = es.curve_of(pandas.read_parquet("predictions.parquet"), metric="accuracy")
    >>> curve.sparsities.tolist(), curve.drops.tolist()
    ([0.4, 0.8], [-0.625, 23.0])
    >>> row = next(curve.essential_rows())
    >>> row["tolerance"], row["estimate_censored"], round(row["estimate"], 2)
    ('1 point', '', 0.42)
    """
    scored = _metric(metric)
    table = _checked(predictions, scored.columns)
    replicate = _replicate(table)
    runs: dict[float, dict[int | None, pa.Table]] = {}
    for _, rows in table.groupby(["sparsity", replicate], sort=True, dropna=False):
        sparsity, drawn = rows["sparsity"].iloc[0], rows[replicate].iloc[0]
        run = pa.Table.from_pandas(rows.sort_values("id"), preserve_index=False)
        runs.setdefault(float(sparsity), {})[None if np.isnan(drawn) else int(drawn)] = run
    _check_runs(runs, replicate)
    first = next(iter(runs[0.0].values()))
    names = [str(table[name].iloc[0]) for name in _NAMES[:2] if name in table]
    scores = Scores.of(
        [{seed: scored.parts(run) for seed, run in of_mask.items()} for of_mask in runs.values()],
        scored.combine,
        settings or Settings(),
        named_generator(*names),
        scored.constant(first) if scored.constant else None,
        scored.bounds,
        clusters=first["cluster"].to_numpy() if "cluster" in table else None,
    )
    return scores.curve(list(runs)[1:], range(1, len(runs)))


def _metric(name: str | None) -> Metric:
    if name is None:
        return _MEAN_SCORE
    known = {name: metric for name, metric in METRICS.items() if metric.reads != "spans"}
    if name not in known:
        raise ValueError(f"metric: {name!r} is none of {', '.join(known)}, nor None")
    return known[name]


def _replicate(predictions: pd.DataFrame) -> str:
    """Return the column that tells replicates apart."""
    return "replicate" if "replicate" in predictions else "seed"


def _checked(predictions: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    """Return the columns that are needed, of one curve; ids as texts, in whose order they go."""
    replicate = _replicate(predictions)
    needed = ["sparsity", replicate, "id", *columns]
    if missing := [name for name in needed if name not in predictions]:
        raise ValueError(f"predictions: lacks the column(s) {', '.join(missing)}")
    numbers = {
        name: _numbers(predictions, name, name == replicate) for name in needed if name != "id"
    }
    for name, allowed, words in _RANGES:
        if name in numbers and not (fits := allowed(numbers[name])).all():
            bad = numbers[name][~fits].iloc[0]
            raise ValueError(f"predictions: {name}: {bad:g} is not {words}")
    if predictions["id"].isna().any():
        raise ValueError("predictions: id: one is missing")
    checked = predictions.assign(**numbers)
    names = [name for name in _NAMES if name in checked]
    for name in names:
        if checked[name].nunique() > 1:
            some = ", ".join(map(str, checked[name].unique()[:3]))
            raise ValueError(f"predictions: {name}: a curve has one, not several ({some})")
    if "mask" in checked:
        masks = checked.groupby("sparsity")["mask"].nunique()
        if (masks > 1).any():
            raise ValueError(
                f"predictions: mask: several have sparsity {masks.idxmax():g}; a curve is of one "
                "family"
            )
    if "family" in checked:
        families = sorted(map(str, checked["family"][checked["sparsity"] > 0].unique()))
        if len(families) > 1:
            raise ValueError(
                f"predictions: family: a curve is of one, not several ({', '.join(families[:3])})"
            )
    if "cluster" in checked and checked["cluster"].notna().any():
        alone = checked["id"].astype(str)
        checked["cluster"] = checked["cluster"].astype(object).fillna(alone).astype(str)
        needed = [*needed, "cluster"]
    return checked[[*names, *needed]].astype({"id": str})


def _numbers(predictions: pd.DataFrame, name: str, nullable: bool) -> "pd.Series[float]":
    """Return a column as floats, whatever it is stored as: texts, categories, missing values."""
    column = predictions[name]
    values = pd.to_numeric(column.astype(object), errors="coerce").astype(float)
    if (bad := ~np.isfinite(values) & ~(nullable & column.isna())).any():
        raise ValueError(f"predictions: {name}: '{column[bad].iloc[0]}' is not a finite number")
    return values


def _check_runs(runs: dict[float, dict[int | None, pa.Table]], replicate: str) -> None:
    if 0.0 not in runs:
        raise ValueError("predictions: sparsity: there is no 0, the dense model")
    if len(runs) == 1:
        raise ValueError("predictions: sparsity: there is none but 0, the dense model")
    dense = runs[0.0]
    first, examples = next((seed, _examples(run)) for seed, run in dense.items())
    for sparsity, of_mask in runs.items():
        for seed, run in of_mask.items():
            where = f"sparsity {sparsity:g}, {replicate} {seed}"
            if seed not in dense and None not in (seed, *dense):
                raise ValueError(
                    f"predictions: {where}: the dense model has no run of this {replicate}"
                )
            found = _examples(run)
            if len(found) < len(run):
                raise ValueError(f"predictions: {where}: an example is there more than once")
            if found != examples:
                at = next(i for i in (*examples, *found) if found.get(i, "") != examples.get(i, ""))
                raise ValueError(
                    f"predictions: {where}: id '{at}': this run and that of sparsity 0, "
                    f"{replicate} {first} do not both have it with one label; all need the same "
                    "examples"
                )


def _examples(run: pa.Table) -> dict[str, float | None]:
    """Return id → label; None where there are none."""
    labels = run["label"].to_pylist() if "label" in run.column_names else [None] * len(run)
    return dict(zip(run["id"].to_pylist(), labels, strict=True))
