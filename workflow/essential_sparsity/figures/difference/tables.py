"""How much better one family of masks is than another at equal sparsity, and what either costs.

The difference is the score under a mask less the score under the baseline's mask of the same
sparsity, in points, between runs of equal seed on equal examples: for lottery tickets against
one-shot magnitude pruning, the paper's Figure 9.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from essential_sparsity.figures.difference.cost import COST, cost_rows
from essential_sparsity.figures.difference.spec import DifferenceSpec
from essential_sparsity.outcomes.columns import CURVE_COLUMNS, MASK_COLUMNS
from essential_sparsity.outcomes.groups import RUNS, Group, Row, load_groups, run_rows
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.spec import equal_sparsities
from essential_sparsity.support.tables import columns

_NUMBER, _TEXT = pa.float64(), pa.string()

SCHEMAS = {
    "runs": RUNS,
    "difference": pa.schema(
        [
            *CURVE_COLUMNS,
            *MASK_COLUMNS,
            *columns(_TEXT, "baseline", "baseline_label", "baseline_mask"),
            *columns(pa.int64(), "seeds", "failed", "examples"),
            ("metric", _TEXT),
            *columns(_NUMBER, "score", "baseline_score"),
            *columns(_NUMBER, "difference", "difference_low", "difference_high", "confidence"),
            *columns(_NUMBER, "difference_min", "difference_max", "dense_low", "constant"),
        ]
    ),
    "cost": COST,
}


def compute(root: Path, files: Sequence[str], spec: DifferenceSpec) -> dict[str, pa.Table]:
    """Compute the tables `runs`, `difference` and `cost` from the runs among `files`.

    Scores and differences are in points, sparsities in [0, 1], times in seconds. A mask without a
    partner of its sparsity in the baseline has no row in `difference`. Seeds and examples of a
    resample are the same for a mask and its partner, so that what they do to both cancels. `failed`
    counts runs of either whose training diverged: they count as a constant answer.
    `dense_low` is the lower bound of the dense score, `constant` that of a constant answer.
    """
    rows: dict[str, list[Row]] = {name: [] for name in SCHEMAS}
    for group in load_groups(root, files, spec):
        rows["runs"] += run_rows(group)
        rows["difference"] += _difference_rows(group, spec)
        rows["cost"] += cost_rows(root, group)
    return {name: pa.Table.from_pylist(rows[name], SCHEMAS[name]) for name in SCHEMAS}


def _difference_rows(group: Group, spec: DifferenceSpec) -> Iterator[Row]:
    """Yield the rows of `difference` for one group, family after family."""
    pairs = _pairs(group, spec.baseline)
    if not pairs:
        raise UserError(
            f"model '{group.model}': no mask has the sparsity of one of the family "
            f"'{spec.baseline}': there is nothing to compare"
        )
    scores = group.scores(spec.statistics.settings())
    for (index, partner), row in zip(pairs, scores.difference_rows(pairs), strict=True):
        baseline = group.entries[partner][1]
        yield {
            **{key: value for key, value in group.names(index).items() if key != "control_of"},
            "recipe": group.runs[index][0].metrics["recipe"],
            "baseline": baseline.family,
            "baseline_label": baseline.label,
            "baseline_mask": baseline.name,
            "seeds": group.seeds(index),
            "failed": group.failed(index, partner),
            "examples": scores.examples,
            "metric": group.metric.name,
            **row,
            "constant": group.constant,
        }


def _pairs(group: Group, baseline: str) -> list[tuple[int, int]]:
    """Return (entry, the baseline's entry of its sparsity), family after family."""
    curves = group.curves()
    partners = curves.pop(baseline)
    sparsity = [mask.sparsity for _, mask in group.entries]
    return [
        (index, partner)
        for indices in curves.values()
        for index in indices
        for partner in partners
        if equal_sparsities(sparsity[index], sparsity[partner])
    ]
