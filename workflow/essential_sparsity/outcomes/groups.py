"""The runs of a study in the groups that are resampled together, and the table that lists them."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import pyarrow as pa

from essential_sparsity.estimators.bootstrap import named_generator
from essential_sparsity.estimators.curve import Scores
from essential_sparsity.estimators.settings import Settings
from essential_sparsity.masks.spec import DENSE, MaskLabel
from essential_sparsity.metrics.metric import Metric
from essential_sparsity.outcomes.columns import CURVE_COLUMNS, MASK_COLUMNS, mask_names
from essential_sparsity.outcomes.run import Run, check_paired, load_run, read_metrics, replicate_of
from essential_sparsity.outcomes.spec import RunsSpec
from essential_sparsity.stages import paths
from essential_sparsity.support.errors import UserError

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
Seeds = tuple[int, ...]

_METRICS = PurePath(paths.METRICS).name

# A model and mask, with the rows of their runs by ascending seed.
_Entry = tuple[tuple[str, MaskLabel], list[Row]]


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
    def constant(self) -> float | None:
        """The score of the best answer that is the same for every example, if there is one."""
        metric = self.metric
        return metric.constant(self.runs[0][0].examples) if metric.constant else None

    def scores(self, settings: Settings) -> Scores:
        """Resample the runs."""
        every = [run for of_entry in self.runs for run in of_entry]
        clusters = next((run.clusters for run in every if run.clusters is not None), None)
        return Scores.of(
            [{run.replicate: run.parts for run in of_entry} for of_entry in self.runs],
            self.metric.combine,
            settings,
            named_generator(self.model, self.task),
            self.constant,
            self.metric.bounds,
            clusters=None if clusters is None else clusters.names,
            unit=None if clusters is None else clusters.unit,
        )

    def seeds(self, index: int) -> int:
        """Return how many seeds, or other draws, an entry has: none where nothing is drawn."""
        return sum(run.replicate is not None for run in self.runs[index])

    def only(self, seeds_of: Mapping[str, Seeds]) -> "Group":
        """Return the dense runs and those of the masks named, with just these seeds, all alike."""
        kept = {DENSE.name: next(iter(seeds_of.values())), **seeds_of}
        chosen = [
            (entry, [run for run in runs if run.replicate in kept[entry[1].name]])
            for entry, runs in zip(self.entries, self.runs, strict=True)
            if entry[0] == self.model and entry[1].name in kept
        ]
        entries, runs = zip(*chosen, strict=True)
        return Group(self.model, self.task, list(entries), list(runs))

    def failed(self, *indices: int) -> int:
        """Return how many runs of these entries diverged; they count as a constant answer."""
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


def load_groups(
    root: Path,
    files: Iterable[str],
    spec: RunsSpec,
    certification: Mapping[tuple[str, str], Mapping[str, Seeds]] | None = None,
) -> Iterator[Group]:
    """Load and check the runs of every model and task, one group at a time.

    Args:
        root: of all artifacts.
        files: the runs' `metrics.parquet` below it; others among them are passed over.
        spec: which of these runs are looked at, and by which metrics.
        certification: of a search, (model, task) → mask → the seeds that had no part in it.
    """
    found: dict[tuple[str, str], list[Row]] = {}
    for file in files:
        if PurePath(file).name == _METRICS:
            row = read_metrics(root, file)
            model = spec.controls.get(row["model"], row["model"])
            found.setdefault((model, row["task"]), []).append(row)
    for model in spec.models:
        for task in sorted(task for of, task in found if of == model):
            entries = _entries(found[model, task], spec)
            _check_partners(model, task, entries)
            names, rows = zip(*entries, strict=True)
            metric = spec.metrics.get(task, "")
            runs = [[load_run(root, row, metric) for row in of_entry] for of_entry in rows]
            check_paired([run for of_entry in runs for run in of_entry])
            fresh = None if certification is None else certification.get((model, task), {})
            yield Group(model, task, list(names), runs, fresh)


def _entries(rows: list[Row], spec: RunsSpec) -> list[_Entry]:
    """Return a group's runs by mask: by ascending sparsity, controls last."""
    found: dict[tuple[Any, ...], _Entry] = {}
    for row in sorted(rows, key=lambda row: (replicate_of(row) is not None, replicate_of(row))):
        for mask in _masks_of(row, spec.families):
            control = row["model"] if row["model"] in spec.controls else ""
            place = control, mask.sparsity, mask.name
            found.setdefault(place, ((row["model"], mask), []))[1].append(row)
    return [found[place] for place in sorted(found)]


def _masks_of(row: Row, families: Collection[str]) -> Iterator[MaskLabel]:
    """Yield the mask of a run as what each of the families has it."""
    for curve in row["curves"]:
        if curve["family"] == DENSE.family or curve["family"] in families:
            yield MaskLabel(
                name=curve["mask"],
                family=curve["family"],
                label=curve["label"],
                **{key: row[key] for key in ("criterion", "scope", "pattern", "sparsity")},
            )


def _check_partners(model: str, task: str, entries: list[_Entry]) -> None:
    """Check that every run of the model has a dense one with its seed, or one for all seeds."""
    own = [(mask, set(map(replicate_of, rows))) for (of, mask), rows in entries if of == model]
    dense = next((seeds for mask, seeds in own if mask.name == DENSE.name), set())
    for mask, seeds in own:
        lone = {seed for seed in seeds - dense if seed is not None}
        if lone and None not in dense:
            raise UserError(
                f"{model} on {task}: '{mask.name}' has a run with seed {min(lone)}, and the dense "
                "model has none; run the study again"
            )


def run_rows(group: Group) -> list[Row]:
    """Return the rows of the table `runs` for one group."""
    measured = ("recipe", "seed", "metric", "score", "loss", "examples", "seconds", "failure")
    return [
        {**group.names(index), **{key: run.metrics[key] for key in (*measured, "run")}}
        for index, runs in enumerate(group.runs)
        for run in runs
    ]
