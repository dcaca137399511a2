"""A check of what turning points depend on: tasks or models."""

from typing import Literal

import numpy as np
import numpy.typing as npt

from essential_sparsity.claims.check import Evidence, Row
from essential_sparsity.claims.checks.essential import EssentialCheck, has_learnt, turning_point
from essential_sparsity.claims.finding import Finding
from essential_sparsity.estimators.bootstrap import named_generator
from essential_sparsity.estimators.intervals import Interval, normal_quantile

_DRAWS = 4000

_Floats = npt.NDArray[np.float64]
# Rows of `essential`, models × tasks.
_Table = list[list[Row]]


class Spread(EssentialCheck):
    """Turning points differ more between tasks than between models.

    Of the table models × tasks, the variance of the tasks' means less that of the models' means.
    Every turning point is drawn anew from its interval (a normal distribution with a spread for
    either side), and the interval is the basic one, 2·found − quantiles: noise adds to both
    variances, and reflecting the draws takes that out again. Variances rather than standard
    deviations, whose interval errs where there is no spread at all. What is off the grid counts at
    its end. Turning points by different recipes are never in one table: each recipe has its own,
    and it must hold by each of them.
    """

    universal = False

    kind: Literal["spread"]

    def evaluate(self, evidence: Evidence) -> Finding | None:
        """Decide on the sign; at least two models and two tasks that all of them have."""
        learnt = evidence.by_recipe(list(filter(has_learnt, evidence.rows)))
        tables = {recipe: table for recipe, rows in learnt.items() if (table := _table(rows))}
        if not tables:
            return None
        parts = []
        for recipe, table in tables.items():
            by = f"{recipe}: " if len(tables) > 1 else ""
            found = variance_difference(table, evidence.study.confidence)
            parts.append((f"{by}{_apart(table)}", found))
        return Finding.by_sign(parts, "squared points", evidence.study.confidence)


def _table(rows: list[Row]) -> _Table:
    """Return the rows as models × the tasks that all of them have; empty below two of either."""
    found = {(row["model"], row["task"]): row for row in rows}
    models, tasks = (sorted(set(names)) for names in zip(*found, strict=True))
    shared = [task for task in tasks if all((model, task) in found for model in models)]
    if len(models) < 2 or len(shared) < 2:
        return []
    return [[found[model, task] for task in shared] for model in models]


def _apart(table: _Table) -> str:
    """Return how far tasks and models lie apart, in words."""
    found = np.array([[[turning_point(row).value] for row in line] for line in table])
    tasks, models = (np.sqrt(variance).item() for variance in _variances(found))
    text = (
        f"standard deviation {tasks:.3g} points between {len(table[0])} tasks, {models:.3g} "
        f"between {len(table)} models, noise included"
    )
    off = sum(bool(row["estimate_censored"]) for line in table for row in line)
    return f"{text}; {off} turning points off the grid count at its end" if off else text


def variance_difference(table: _Table, confidence: float) -> Interval:
    """Return the variance between tasks less that between models, in squared points of sparsity."""
    points = [[turning_point(row) for row in line] for line in table]
    value, low, high = (
        np.array([[getattr(point, end) for point in line] for line in points])[..., None]
        for end in ("value", "low", "high")
    )
    quantile = normal_quantile(confidence)
    generator = named_generator("spread", *(row["model"] + row["task"] for r in table for row in r))
    noise = generator.standard_normal((*value.shape[:2], _DRAWS))
    width = np.where(noise < 0, value - low, high - value) / quantile
    tasks, models = _variances(np.clip(value + noise * width, 0, 100))
    found = float(np.subtract(*_variances(value)).item())
    tail = (1 - confidence) / 2
    lowest, highest = np.quantile(tasks - models, [tail, 1 - tail])
    corrected = 2 * found - float((tasks - models).mean())
    return Interval(corrected, 2 * found - float(highest), 2 * found - float(lowest))


def _variances(table: _Floats) -> tuple[_Floats, _Floats]:
    """Return the variances of (models, tasks, draws) between tasks, and between models."""
    return table.mean(axis=0).var(axis=0, ddof=1), table.mean(axis=1).var(axis=0, ddof=1)
