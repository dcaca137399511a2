"""What a study fetches and what it leaves on the disk, with what is there already."""

from collections.abc import Iterable
from dataclasses import dataclass

from essential_sparsity.estimate import storage
from essential_sparsity.estimate.amount import Amount, total
from essential_sparsity.estimate.sizes import Sizes
from essential_sparsity.stages.all import STAGES
from essential_sparsity.stages.masks import MASK
from essential_sparsity.stages.sources import CHECKPOINT, TASK
from essential_sparsity.stages.stage import Stage
from essential_sparsity.study import jobs
from essential_sparsity.study.jobs import Run
from essential_sparsity.study.resolve import Resolved

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


def left(items: Iterable[Item]) -> Amount:
    """Return the bytes of those that are not there yet."""
    return total(item.bytes for item in items if not item.cached)


class Inventory:
    """A study's downloads and artifacts; looks whether files are there, not whether up to date."""

    def __init__(self, study: Resolved) -> None:
        """Take the study; its folder of results need not exist."""
        self._study = study
        self._sizes = Sizes(study)

    def downloads(self) -> dict[str, list[Item]]:
        """Return what comes from elsewhere: no folders, no random starts, no local files."""
        tasks = {
            name: [place for place in TASK.places(self._study) if place["task"] == name]
            for name, entry in self._study.tasks.items()
            if entry.data.kind in _REMOTE
        }
        return {
            "checkpoints": [
                Item(
                    storage.checkpoint_bytes(self._sizes, name),
                    self._has(*CHECKPOINT.paths(self._study, {"model": name})),
                )
                for name, entry in self._study.models.items()
                if entry.sources[0].kind in _REMOTE
            ],
            "data sets": [
                Item(
                    self._sizes.task(name, "megabytes") * 1e6,
                    all(self._has(*TASK.paths(self._study, place)) for place in places),
                )
                for name, places in tasks.items()
            ],
        }

    def artifacts(self) -> dict[str, list[Item]]:
        """Return title → the artifacts of each stage whose size matters."""
        return {stage.title: self._of(stage) for stage in STAGES if stage.size is not None}

    def restart_point(self) -> Amount:
        """Return the largest restart point of a run that is not there yet."""
        points = [
            storage.restart_bytes(self._sizes, model, self._study.recipes[task, recipe])
            for model, task, recipe in {
                (run.model, run.task, run.recipe)
                for run in jobs.all_runs(self._study)
                if not self.has_run(run)
            }
        ]
        largest = max((point.value for point in points), default=0.0)
        return Amount(largest, total(points).unknown)

    def has_run(self, run: Run) -> bool:
        """Tell whether a run's tables are there."""
        return self._has(*run.tables)

    def has_mask(self, model: str, mask: str) -> bool:
        """Tell whether a mask is there."""
        return self._has(MASK.paths(self._study, {"model": model, "mask": mask})[0])

    def _of(self, stage: Stage) -> list[Item]:
        assert stage.size is not None
        return [
            Item(
                stage.size(self._sizes, self._study, place),
                self._has(stage.paths(self._study, place)[0]),
            )
            for place in stage.places(self._study)
        ]

    def _has(self, *artifacts: str) -> bool:
        return all((self._study.results / artifact).exists() for artifact in artifacts)
