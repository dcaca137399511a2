"""The runs of a study in the groups that are resampled together, and the table that lists them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from essential_sparsity.estimators.bootstrap import named_generator
from essential_sparsity.estimators.curve import Scores
from essential_sparsity.estimators.search import FIRST_SEEDS
from essential_sparsity.estimators.settings import Settings
from essential_sparsity.estimators.spread import Floats
from essential_sparsity.masks.spec import DENSE, MaskLabel
from essential_sparsity.metrics.metric import Metric
from essential_sparsity.results.names import MASK_COLUMNS, mask_names, resolve_sparsity
from essential_sparsity.results.run import Run, check_paired, load_run
from essential_sparsity.results.spec import RunsSpec
from essential_sparsity.search.rounds import Round, Seeds, load_last
from essential_sparsity.stages import paths

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
        ("failure", pa.string()),
        ("run", pa.string()),
    ]
)

Row = dict[str, Any]


@dataclass(frozen=True)
class Group:
    """The runs of one model (and its controls) on one task: what one bootstrap holds together.

    `entries` are (model, mask) with the dense model first; `runs` is a list of runs per entry, in
    the order of the seeds. The dense model has the seeds of all entries; a search has more seeds at
    some sparsities than at others. Of a search, `certification` has mask → the seeds that had no
    part in choosing what is run.
    """

    model: str
    task: str
    entries: list[tuple[str, MaskLabel]]
    runs: list[list[Run]]
    certification: Mapping[str, Seeds] | None = None

    @property
    def parts(self) -> Floats:
        """(entries, seeds, examples, parts) of the metric, where all entries have equal seeds."""
        return np.array([[run.parts for run in runs] for runs in self.runs])

    @property
    def constant(self) -> float | None:
        """The score of the best answer that is the same for every example, if there is one."""
        metric = self.metric
        return metric.constant(self.runs[0][0].examples) if metric.constant else None

    def scores(self, settings: Settings) -> Scores:
        """Resample the runs."""
        return Scores.of_uneven(
            [{run.metrics["seed"]: run.parts for run in runs} for runs in self.runs],
            self.metric.combine,
            settings,
            lambda: named_generator(self.model, self.task),
            self.constant,
            self.metric.bounds,
        )

    def only(self, seeds_of: Mapping[str, Seeds]) -> "Group":
        """Return the dense runs and those of the masks named, with just these seeds.

        Args:
            seeds_of: mask → seeds, equal ones for all; at least one.
        """
        kept = {DENSE.name: next(iter(seeds_of.values())), **seeds_of}
        chosen = [
            (entry, [run for run in runs if run.metrics["seed"] in kept[entry[1].name]])
            for entry, runs in zip(self.entries, self.runs, strict=True)
            if entry[0] == self.model and entry[1].name in kept
        ]
        entries, runs = zip(*chosen, strict=True)
        return Group(self.model, self.task, list(entries), list(runs))

    def failed(self, *indices: int) -> int:
        """Return how many runs of these entries diverged; they count as one answer to all."""
        return sum(run.metrics["failure"] is not None for at in indices for run in self.runs[at])

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


def load_groups(root: Path, spec: RunsSpec) -> Iterator[Group]:
    """Load and check the runs of every model and task, one group at a time.

    Where there was a search, its last round says which runs there are.

    Raises:
        UserError: a run is missing or damaged, or two runs cannot be paired.
    """
    found = load_last(root, spec.search) if spec.search else None
    yield from load_groups_of(root, spec, found)


def load_groups_of(root: Path, spec: RunsSpec, found: Round | None) -> Iterator[Group]:
    """Load the groups of a search's round, or of all masks and seeds where there is none.

    Raises:
        UserError: see `load_groups`.
    """
    for model in spec.models:
        masks = [resolve_sparsity(root, model, mask) for mask in spec.masks]
        masks.sort(key=lambda mask: (mask.sparsity, mask.name))
        controls = [control for control, base in spec.controls.items() if base == model]
        for task, recipe in spec.tasks.items():
            every = spec.seeds_on(task)
            seeds_of = found.seeds_of(model, task) if found else {m.name: every for m in masks}
            entries = [(model, mask) for mask in masks if mask.name in seeds_of]
            entries += [(control, DENSE.label()) for control in controls]
            of_controls = every[:FIRST_SEEDS] if found else every
            runs = [
                [
                    load_run(
                        root,
                        spec.metric_of(task),
                        model=name,
                        task=task,
                        recipe=recipe,
                        mask=mask.of_run(task, recipe, seed),
                        seed=seed,
                    )
                    for seed in (seeds_of[mask.name] if name == model else of_controls)
                ]
                for name, mask in entries
            ]
            check_paired([run for of_entry in runs for run in of_entry])
            fresh = found.certification_of(model, task) if found else None
            yield Group(model, task, entries, runs, fresh)


def run_rows(group: Group) -> list[Row]:
    """Return the rows of the table `runs` for one group."""
    measured = ("recipe", "seed", "metric", "score", "loss", "examples", "seconds", "failure")
    return [
        {
            **group.names(index),
            **{key: run.metrics[key] for key in measured},
            "run": paths.RUN.format(**run.metrics),
        }
        for index, runs in enumerate(group.runs)
        for run in runs
    ]
