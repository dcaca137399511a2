"""What a study fetches, runs and leaves on the disk, and what of it is there already."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from essential_sparsity.estimate.cost import (
    Machine,
    Place,
    checkpoint_bytes,
    restart_bytes,
    run_seconds,
)
from essential_sparsity.estimate.sizes import Amount, Sizes, total
from essential_sparsity.stages import paths
from essential_sparsity.stages.all import STAGES
from essential_sparsity.stages.sources import CHECKPOINT, TASK
from essential_sparsity.stages.stage import Stage
from essential_sparsity.study import jobs
from essential_sparsity.study.jobs import Run
from essential_sparsity.study.resolve import Resolved, ResolvedExperiment

_REMOTE = {"hub", "package"}


@dataclass(frozen=True)
class Item:
    """A download or an artifact.

    Attributes:
        bytes: its size.
        cached: whether it, or what is made of it, lies in the results folder.
    """

    bytes: Amount
    cached: bool


@dataclass(frozen=True)
class Runs:
    """Runs that cost the same.

    The fine-tunings that find masks, as the rounds of lottery tickets do, are among them.

    Attributes:
        known: how many there are.
        cached: how many of them lie in the results folder.
        further: how many more searches may ask for.
        seconds: what one takes, its start-up included.
        measured: how many runs tell it, 0 where it is estimated.
    """

    known: int
    cached: int
    further: int
    seconds: Amount
    measured: int

    @property
    def left(self) -> int:
        """How many are not there yet, at most."""
        return self.known + self.further - self.cached


@dataclass(frozen=True)
class Share:
    """What an experiment asks for, or the study as a whole.

    Attributes:
        masks: of each, whether it is there.
        runs: of each that is known, whether it is there.
        further: how many more its search may ask for.
        seconds: what the runs take that are not there, one after the other.
    """

    masks: list[bool]
    runs: list[bool]
    further: int
    seconds: Amount


class Inventory:
    """A study's downloads, artifacts and runs.

    It looks whether files are there, not whether they are up to date.

    Attributes:
        runs: (model, task, recipe) → its runs.
    """

    def __init__(self, study: Resolved, machine: Machine) -> None:
        """Take the study, whose folder of results need not exist, and what runs are made on.

        Raises:
            UserError: the metrics of a cached run are damaged, or a round of a search.
        """
        self._study = study
        self._sizes = Sizes(study)
        known = Counter(map(_place, self._asked()))
        cached = Counter(_place(run) for run in self._asked() if self._has(*run.tables))
        further = self._further()
        self.runs = {
            place: Runs(
                count,
                cached[place],
                further[place],
                *run_seconds(study, self._sizes, machine, place),
            )
            for place, count in known.items()
        }

    def downloads(self) -> dict[str, list[Item]]:
        """Return what comes from elsewhere: no folders, no random starts, no local files."""
        study, sizes = self._study, self._sizes
        prepared: dict[str, list[bool]] = {task: [] for task in study.tasks}
        for place in TASK.places(study):
            prepared[place["task"]].append(self._has(*TASK.paths(study, place)))
        return {
            "checkpoints": [
                Item(
                    checkpoint_bytes(sizes, name),
                    self._has(*CHECKPOINT.paths(study, {"model": name})),
                )
                for name, entry in study.models.items()
                if entry.sources[0].kind in _REMOTE
            ],
            "data sets": [
                Item(sizes.task(name, "megabytes") * 1e6, all(prepared[name]))
                for name, entry in study.tasks.items()
                if entry.data.kind in _REMOTE
            ],
        }

    def artifacts(self) -> dict[str, list[Item]]:
        """Return title → the artifacts of each stage whose size matters."""
        return {stage.title: list(self._items(stage)) for stage in STAGES if stage.size is not None}

    def share(self, experiment: ResolvedExperiment | None = None) -> Share:
        """Return what an experiment asks for, or all of them, where what they share counts once."""
        asked = {run: self._has(*run.tables) for run in self._asked(experiment)}
        further = self._further(experiment)
        left = further + Counter(_place(run) for run, there in asked.items() if not there)
        masks = jobs.masks(self._study, experiment)
        return Share(
            masks=[self._has(paths.MASK.format(model=m, mask=mask.name)) for m, mask in masks],
            runs=list(asked.values()),
            further=further.total(),
            seconds=total(self.runs[place].seconds * count for place, count in left.items()),
        )

    def restart_point(self) -> Amount:
        """Return the largest restart point of a run that is not there yet."""
        points = [
            restart_bytes(self._sizes, model, self._study.recipes[task, recipe])
            for model, task, recipe in {
                _place(run) for run in jobs.runs(self._study) if not self._has(*run.tables)
            }
        ]
        largest = max((point.value for point in points), default=0.0)
        return Amount(largest, total(points).unknown)

    def _asked(self, experiment: ResolvedExperiment | None = None) -> tuple[Run, ...]:
        """Return the known runs of an experiment or of all, and the trainings that find masks."""
        study = self._study
        return (*jobs.known_runs(study, experiment), *jobs.trainings(study, experiment))

    def _further(self, experiment: ResolvedExperiment | None = None) -> Counter[Place]:
        """Return how many runs more a search may ask for, or all may, by their budgets."""
        found: Counter[Place] = Counter()
        for one in jobs.searches(self._study):
            if experiment in (None, one) and one.settings.search is not None:
                for curve in jobs.last_round(self._study, one).curves:
                    if not curve.settled:
                        place = curve.model, curve.task, one.recipes[curve.task]
                        found[place] += one.settings.search.budget - len(list(curve.runs))
        return found

    def _items(self, stage: Stage) -> Iterator[Item]:
        assert stage.size is not None
        for place in stage.places(self._study):
            there = self._has(stage.paths(self._study, place)[0])
            yield Item(stage.size(self._sizes, self._study, place), there)

    def _has(self, *artifacts: str) -> bool:
        return all((self._study.results / artifact).exists() for artifact in artifacts)


def _place(run: Run) -> Place:
    return run.model, run.task, run.recipe
