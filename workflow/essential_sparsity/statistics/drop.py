"""Performance drops and essential sparsities: from runs to the tables behind Figure 2's kind.

A drop is the dense score minus the sparse one in points (percentage points, hundredths of a
correlation), between runs of equal seed on equal examples. The essential sparsity of a curve
(model, task, family of masks) is the largest sparsity at which the drop, made monotone by an
isotonic fit and joined by straight lines, is at most ε (the paper's definition, whose second
condition the fitted curve meets at any ρ).
"""

from pathlib import Path

import numpy as np
import pyarrow as pa

from essential_sparsity.errors import run_stage
from essential_sparsity.statistics.bootstrap import (
    Floats,
    named_generator,
    percentile_interval,
    resampled_scores,
)
from essential_sparsity.statistics.crossing import (
    first_crossing,
    fit_monotone,
    last_crossing,
    locate,
)
from essential_sparsity.statistics.groups import (
    CURVE_COLUMNS,
    RUNS,
    Group,
    Row,
    load_groups,
    run_rows,
)
from essential_sparsity.statistics.names import FAMILY_COLUMNS, MASK_COLUMNS, mask_names
from essential_sparsity.statistics.spec import DropSpec, StatisticsSpec
from essential_sparsity.statistics.stage import run_statistics

STAGE = "essential_sparsity.statistics.drop"

_NUMBER = pa.float64()

SCHEMAS = {
    "runs": RUNS,
    "drop": pa.schema(
        [
            *CURVE_COLUMNS,
            *MASK_COLUMNS,
            ("control_of", pa.string()),
            ("seeds", pa.int64()),
            ("examples", pa.int64()),
            ("metric", pa.string()),
            *((name, _NUMBER) for name in ("score", "score_low", "score_high")),
            *((name, _NUMBER) for name in ("drop", "drop_low", "drop_high")),
            *((name, _NUMBER) for name in ("drop_min", "drop_max", "constant")),
        ]
    ),
    "essential": pa.schema(
        [
            *CURVE_COLUMNS,
            *FAMILY_COLUMNS,
            ("epsilon", _NUMBER),
            ("confidence", _NUMBER),
            *(
                (name + suffix, kind)
                for name in ("estimate", "low", "high", "first_crossing", "last_crossing")
                for suffix, kind in (("", _NUMBER), ("_censored", pa.string()))
            ),
            ("metric", pa.string()),
            ("dense_score", _NUMBER),
            ("dense_low", _NUMBER),
            ("dense_high", _NUMBER),
            ("constant", _NUMBER),
            ("seeds", pa.int64()),
            ("examples", pa.int64()),
            ("grid", pa.list_(_NUMBER)),
            ("resolution", _NUMBER),
            ("resolved", pa.bool_()),
        ]
    ),
}


def compute_tables(root: Path, spec: DropSpec) -> dict[str, pa.Table]:
    """Compute the tables `runs`, `drop` and `essential` from the runs below `root`.

    Scores and drops are in points, sparsities in [0, 1]. Every curve of
    `drop` starts with its dense row. A control is one dense row, and its drop is that of the base
    model's dense score. In `essential`, a value whose `_censored` is "above" or "below" stands for
    one beyond that end of the sparse points. `resolution` is half the width of the drop's interval
    at the sparse point nearest the estimate, in points, and a curve is `resolved` where that is at
    most ε: where it is not, drops of ε cannot be told from none.

    Raises:
        UserError: a run is missing or damaged, or two runs cannot be paired.
    """
    rows: dict[str, list[Row]] = {name: [] for name in SCHEMAS}
    for group in load_groups(root, spec):
        rows["runs"] += run_rows(group)
        drops, essentials = _statistics_rows(group, spec.statistics)
        rows["drop"] += drops
        rows["essential"] += essentials
    return {name: pa.Table.from_pylist(rows[name], SCHEMAS[name]) for name in SCHEMAS}


def _statistics_rows(group: Group, settings: StatisticsSpec) -> tuple[list[Row], list[Row]]:
    """Return the rows of `drop` and those of `essential` for one group."""
    parts, metric = group.parts, group.metric
    by_seed = metric.combine(parts.mean(axis=2))
    drops_by_seed = by_seed[0] - by_seed
    drops = drops_by_seed.mean(axis=1)
    generator = named_generator(group.model, group.task)
    score_samples = resampled_scores(parts, metric.combine, settings.resamples, generator)
    drop_samples = score_samples[0] - score_samples
    score_low, score_high = percentile_interval(score_samples, settings.confidence)
    drop_low, drop_high = percentile_interval(drop_samples, settings.confidence)

    sample = group.runs[0][0]
    common = {
        "recipe": sample.metrics["recipe"],
        "seeds": parts.shape[1],
        "examples": parts.shape[2],
        "metric": metric.name,
        "constant": metric.constant(sample.examples) if metric.constant else None,
    }

    def drop_row(index: int) -> Row:
        return {
            **group.names(index),
            **common,
            "score": by_seed[index].mean(),
            "score_low": score_low[index],
            "score_high": score_high[index],
            "drop": drops[index],
            "drop_low": drop_low[index],
            "drop_high": drop_high[index],
            "drop_min": drops_by_seed[index].min(),
            "drop_max": drops_by_seed[index].max(),
        }

    drop_rows, essential_rows = [], []
    for sparse in group.curves().values():
        first = mask_names(group.entries[sparse[0]][1])
        names = {name: first[name] for name, _ in FAMILY_COLUMNS}
        drop_rows += [{**drop_row(index), **names} for index in (0, *sparse)]
        essential_rows.append(
            {
                "model": group.model,
                "task": group.task,
                **names,
                **common,
                **essential_sparsity(
                    np.array([group.entries[index][1].sparsity for index in sparse]),
                    drops[sparse],
                    drop_samples[sparse],
                    examples=parts.shape[2],
                    settings=settings,
                ),
                "dense_score": by_seed[0].mean(),
                "dense_low": score_low[0],
                "dense_high": score_high[0],
            }
        )
    controls = [i for i, (model, _) in enumerate(group.entries) if model != group.model]
    return drop_rows + [drop_row(index) for index in controls], essential_rows


def essential_sparsity(
    sparsities: Floats,
    drops: Floats,
    samples: Floats,
    *,
    examples: int,
    settings: StatisticsSpec,
) -> Row:
    """Estimate one curve's essential sparsity, with its interval and its raw crossings.

    Points weigh by the inverse of their drop's variance over the resamples, which is held above
    that of half an example, so that a mask that changes no answer does not weigh without bound.
    Each resample is fitted anew with the same weights. First and last crossing are those of the
    unfitted mean drops: where they lie apart, the curve is not monotone.

    Args:
        sparsities: (points,), increasing, positive.
        drops: (points,), mean drops in points.
        samples: (points, resamples), the drops in every resample.
        examples: the number of evaluation examples.
        settings: ε and the interval's level.

    Returns:
        The columns of the table `essential` from `epsilon` on that this curve determines.
    """
    epsilon = settings.epsilon
    weights = 1 / np.maximum(samples.var(axis=1), (50 / examples) ** 2)
    estimate = last_crossing(sparsities, fit_monotone(drops, weights), epsilon)
    resampled = last_crossing(sparsities, fit_monotone(samples.T, weights), epsilon)
    low, high = percentile_interval(resampled, settings.confidence)
    found = {
        "estimate": estimate,
        "low": low,
        "high": high,
        "first_crossing": first_crossing(sparsities, drops, epsilon),
        "last_crossing": last_crossing(sparsities, drops, epsilon),
    }
    row: Row = {
        "epsilon": epsilon,
        "confidence": settings.confidence,
        "grid": [0.0, *sparsities.tolist()],
    }
    for name, value in found.items():
        crossing = locate(float(value), sparsities)
        row[name] = crossing.sparsity
        row[f"{name}_censored"] = crossing.censored
    nearest = int(np.abs(sparsities - row["estimate"]).argmin())
    drop_low, drop_high = percentile_interval(samples[nearest], settings.confidence)
    row["resolution"] = float(drop_high - drop_low) / 2
    row["resolved"] = row["resolution"] <= epsilon
    return row


def main() -> None:
    """Run the stage from the command line."""
    run_statistics(STAGE, __doc__, DropSpec, compute_tables)


if __name__ == "__main__":
    run_stage(main)
