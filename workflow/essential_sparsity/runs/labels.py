"""What a run's metrics say of the run itself: where it belongs, and under which mask it was."""

from typing import Any

import pyarrow as pa

from essential_sparsity.masks.mask import Header
from essential_sparsity.masks.registry import labels_of
from essential_sparsity.outcomes.columns import RUN_COLUMNS, mask_names


def labels_of_run(
    header: Header, model: str, task: str, recipe: str, seed: int | None
) -> dict[str, Any]:
    """Return the values of the columns `RUN_COLUMNS`, by name; places are as in the run's path.

    `header` is the mask's; the seed is None where nothing is drawn.
    """
    labels = [mask_names(label) for label in labels_of(header, task, recipe, seed)]
    place = {"model": model, "task": task, "recipe": recipe}
    return {**place, **labels[0], "seed": seed, "curves": labels}


def with_labels(metrics: pa.Table, labels: dict[str, Any]) -> pa.Table:
    """Return a run's metrics, a row an evaluation, with the columns of its labels before them."""
    rows = pa.Table.from_pylist([labels] * metrics.num_rows, pa.schema(RUN_COLUMNS))
    return pa.table([*rows.columns, *metrics.columns], [*rows.column_names, *metrics.column_names])
