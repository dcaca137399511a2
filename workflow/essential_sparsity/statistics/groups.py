"""The runs of a study in the groups that are resampled together, and the table that lists them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from essential_sparsity.masks.spec import DENSE, MaskLabel
from essential_sparsity.metrics import Metric
from essential_sparsity.statistics.bootstrap import Floats
from essential_sparsity.statistics.names import MASK_COLUMNS, mask_names, resolve_sparsity
from essential_sparsity.statistics.scores import Run, check_paired, load_run
from essential_sparsity.statistics.spec import DropSpec

CURVE_COLUMNS = [("model", pa.string()), ("task", pa.string()), ("recipe", pa.string())]

# The table `runs`, a row a run; see `run_rows`.
RUNS = pa.schema(
    [
        *CURVE_COLUMNS,
        *MASK_COLUMNS,
        ("seed", pa.int64()),
        ("control_of", pa.string()),
        ("metric", pa.string()),
        ("score", pa.float64()),
        ("loss", pa.float64()),
        ("examples", pa.int64()),
        ("seconds", pa.float64()),
    ]
)

Row = dict[str, Any]


@dataclass(frozen=True)
class Group:
    """The runs of one model (and its controls) on one task: what one bootstrap holds together.

    `entries` are (model, mask) with the dense model first; `runs` is a list of runs per entry, in
    the order of the seeds.
    """

    model: str
    task: str
    entries: list[tuple[str, MaskLabel]]
    runs: list[list[Run]]

    @property
    def parts(self) -> Floats:
        """(entries, seeds, examples, parts) of the metric."""
        return np.array([[run.parts for run in runs] for runs in self.runs])

    @property
    def metric(self) -> Metric:
        """The metric of all runs."""
        return self.runs[0][0].metric

    def names(self, index: int) -> Row:
        """Return an entry's columns: `model`, `task`, the mask's, and `control_of`."""
        model, mask = self.entries[index]
        return {
            "model": model,
            "task": self.task,
            **mask_names(mask),
            "control_of": None if model == self.model else self.model,
        }

    def curves(self) -> dict[str, list[int]]:
        """Return family → the indices of its sparse entries, by increasing sparsity."""
        curves: dict[str, list[int]] = {}
        for index, (_, mask) in enumerate(self.entries):
            if mask.name != DENSE.name:
                curves.setdefault(mask.family, []).append(index)
        return curves


def load_groups(root: Path, spec: DropSpec) -> Iterator[Group]:
    """Load and check the runs of every model and task, one group at a time.

    Raises:
        UserError: a run is missing or damaged, or two runs cannot be paired.
    """
    for model in spec.models:
        masks = [resolve_sparsity(root, model, mask) for mask in spec.masks]
        masks.sort(key=lambda mask: (mask.sparsity, mask.name))
        entries = [(model, mask) for mask in masks]
        controls = [control for control, base in spec.controls.items() if base == model]
        entries += [(control, DENSE.label()) for control in controls]
        for task, recipe in spec.tasks.items():
            runs = [
                [
                    load_run(
                        root,
                        model=name,
                        task=task,
                        recipe=recipe,
                        mask=mask.of_run(task, recipe, seed),
                        seed=seed,
                    )
                    for seed in spec.seeds_on(task)
                ]
                for name, mask in entries
            ]
            check_paired([run for of_entry in runs for run in of_entry])
            yield Group(model, task, entries, runs)


def run_rows(group: Group) -> list[Row]:
    """Return the rows of the table `runs` for one group."""
    measured = ("recipe", "seed", "metric", "score", "loss", "examples", "seconds")
    return [
        {**group.names(index), **{key: run.metrics[key] for key in measured}}
        for index, runs in enumerate(group.runs)
        for run in runs
    ]
