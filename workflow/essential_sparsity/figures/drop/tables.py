"""Performance drops and essential sparsities: from runs to the tables behind Figure 2's kind.

A drop is the dense score minus the sparse one in points (percentage points, hundredths of a
correlation), between runs of equal seed on equal examples. The essential sparsity of a curve
(model, task, family of masks) is the largest sparsity at which the drop, made monotone by an
isotonic fit and joined by straight lines, is at most ε (the paper's definition, whose second
condition the fitted curve meets at any ρ).
"""

from collections.abc import Sequence
from pathlib import Path, PurePath

import pyarrow as pa

from essential_sparsity.estimators.curve import Curve, Scores
from essential_sparsity.estimators.settings import Settings
from essential_sparsity.masks.spec import MaskLabel
from essential_sparsity.outcomes.columns import (
    CURVE_COLUMNS,
    FAMILY_COLUMNS,
    MASK_COLUMNS,
    mask_names,
)
from essential_sparsity.outcomes.groups import RUNS, Group, Row, load_groups, run_rows
from essential_sparsity.outcomes.spec import RunsSpec
from essential_sparsity.search.rounds import Round
from essential_sparsity.stages import paths
from essential_sparsity.support.tables import columns

_NUMBER, _TEXT, _COUNT, _FLAG = pa.float64(), pa.string(), pa.int64(), pa.bool_()

SCHEMAS = {
    "runs": RUNS,
    "drop": pa.schema(
        [
            *CURVE_COLUMNS,
            *MASK_COLUMNS,
            ("control_of", _TEXT),
            *columns(_COUNT, "seeds", "failed", "examples"),
            ("metric", _TEXT),
            *columns(_NUMBER, "score", "score_low", "score_high"),
            *columns(_NUMBER, "drop", "drop_low", "drop_high", "drop_min", "drop_max", "constant"),
            *columns(_NUMBER, *(f"normalised_drop{end}" for end in ("", "_low", "_high"))),
            ("p_noninferior", _NUMBER),
        ]
    ),
    "essential": pa.schema(
        [
            *CURVE_COLUMNS,
            *FAMILY_COLUMNS,
            ("tolerance", _TEXT),
            ("epsilon", _NUMBER),
            *columns(_FLAG, "relative", "main"),
            ("confidence", _NUMBER),
            *(
                (name + suffix, kind)
                for name in ("estimate", "low", "high", "first_crossing", "last_crossing")
                for suffix, kind in (("", _NUMBER), ("_censored", _TEXT))
            ),
            ("crossings_differ", _FLAG),
            ("certified", _NUMBER),
            ("certified_censored", _TEXT),
            ("certification_level", _NUMBER),
            *columns(_TEXT, "uncertified_because", "unit"),
            ("units", _COUNT),
            ("metric", _TEXT),
            *columns(_NUMBER, "dense_score", "dense_low", "dense_high", "constant"),
            *columns(_COUNT, "seeds", "failed", "examples"),
            ("grid", pa.list_(_NUMBER)),
            ("resolution", _NUMBER),
            ("resolved", _FLAG),
        ]
    ),
    "sharpness": pa.schema(
        [
            *CURVE_COLUMNS,
            *FAMILY_COLUMNS,
            *columns(_NUMBER, "breakpoint", "breakpoint_low", "breakpoint_high"),
            *columns(_NUMBER, "slope_before", "slope_after"),
            *columns(_NUMBER, "slope_ratio", "slope_ratio_low", "slope_ratio_high"),
            *columns(_NUMBER, "aicc_hinge", "aicc_smooth", "evidence"),
            ("shape", _TEXT),
            *columns(_COUNT, "points", "seeds"),
            ("confidence", _NUMBER),
        ]
    ),
}


def compute(root: Path, files: Sequence[str], spec: RunsSpec) -> dict[str, pa.Table]:
    """Compute the tables `runs`, `drop`, `essential` and `sharpness` from the runs among `files`.

    Where these hold the rounds of a search, the last one says which seeds certify.

    Scores and drops are in points, sparsities in [0, 1]. Every curve of `drop` starts with its
    dense row. A control is one dense row, and its drop is that of the base model's dense score.
    `failed` counts runs whose training diverged, among those of a mask or of a curve with its dense
    model: they count as a constant answer.
    `essential` has a row for each curve and tolerance. A value whose `_censored` is "above" or
    "below" stands for one beyond that end of the sparse points. `resolution` is half the width of
    the drop's interval in points, at the sparse points on either side of the estimate the wider
    one's, and a curve is `resolved` where that is at most ε, or where the interval of the estimate
    lies beyond one end as a whole: where it is not, drops of ε cannot be told from none.
    """
    rows: dict[str, list[Row]] = {name: [] for name in SCHEMAS}
    rounds = [file for file in files if file.endswith(PurePath(paths.SEARCH_ROUND).suffix)]
    fresh = Round.load(root / rounds[-1]).certification() if rounds else None
    for group in load_groups(root, files, spec, fresh):
        rows["runs"] += run_rows(group)
        for name, found in _statistics_rows(group, spec.statistics.settings()).items():
            rows[name] += found
    return {name: pa.Table.from_pylist(rows[name], SCHEMAS[name]) for name in SCHEMAS}


def _statistics_rows(group: Group, settings: Settings) -> dict[str, list[Row]]:
    """Return the rows of `drop`, `essential` and `sharpness` for one group."""
    scores = group.scores(settings)
    recipe = {"recipe": group.runs[0][0].metrics["recipe"]}
    measured = {
        "examples": scores.examples,
        "metric": group.metric.name,
        "constant": group.constant,
    }

    def drop_row(index: int) -> Row:
        names = group.names(index)
        seeds = {"seeds": group.seeds(index), "failed": group.failed(index)}
        return {**names, **recipe, **seeds, **measured, **scores.drop_row(index)}

    rows: dict[str, list[Row]] = {"drop": [], "essential": [], "sharpness": []}
    for sparse in group.curves().values():
        masks = [group.entries[index][1] for index in sparse]
        family = {name: mask_names(masks[0])[name] for name, _ in FAMILY_COLUMNS}
        curve = _curve(scores, group, sparse, _certifying(group, masks, settings))
        seeds = {"seeds": max(map(group.seeds, sparse))}
        names = {"model": group.model, "task": group.task, **recipe, **family, **seeds}
        failed = {"failed": group.failed(0, *sparse)}
        p_values = [None, *curve.p_values(settings.epsilon)]
        rows["drop"] += [
            {**drop_row(index), **family, "p_noninferior": p_value}
            for index, p_value in zip((0, *sparse), p_values, strict=True)
        ]
        rows["essential"] += [
            {**names, **measured, **failed, **row} for row in curve.essential_rows()
        ]
        rows["sharpness"].append({**names, **curve.sharpness_row()})
    controls = [i for i, (model, _) in enumerate(group.entries) if model != group.model]
    rows["drop"] += [drop_row(index) for index in controls]
    return rows


def _curve(scores: Scores, group: Group, sparse: list[int], certifying: Curve | None) -> Curve:
    sparsities = [float(group.entries[index][1].sparsity or 0) for index in sparse]
    return scores.curve(sparsities, sparse, certifying)


def _certifying(group: Group, masks: list[MaskLabel], settings: Settings) -> Curve | None:
    """Return the curve of a search's fresh seeds, perhaps of no points; None without a search."""
    if group.certification is None:
        return None
    names = [mask.name for mask in masks]
    fresh = {name: seeds for name, seeds in group.certification.items() if name in names}
    tested = group.only(fresh) if fresh else group
    sparse = [i for i, (_, mask) in enumerate(tested.entries) if mask.name in fresh]
    return _curve(tested.scores(settings), tested, sparse, None)
