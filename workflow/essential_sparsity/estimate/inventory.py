"""What a study fetches and what it leaves on the disk, with what is there already."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from essential_sparsity.estimate import storage
from essential_sparsity.estimate.amount import Amount, total
from essential_sparsity.estimate.sizes import Sizes
from essential_sparsity.stages import paths
from essential_sparsity.study.plan import Plan, Run

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

    def __init__(self, plan: Plan, results: Path) -> None:
        """Take the study's plan and the folder of the results, which need not exist."""
        self._plan = plan
        self._results = results
        self._sizes = Sizes(plan, results)

    def models_to_download(self) -> list[Item]:
        """Return the checkpoints that come from elsewhere: not folders, not random starts."""
        return [
            self._checkpoint(name)
            for name, entry in self._plan.models.items()
            if entry.sources[0].kind in _REMOTE
        ]

    def data_to_download(self) -> list[Item]:
        """Return the data sets that come from elsewhere: not local files, not a library's own."""
        return [
            Item(
                self._sizes.task(name, "megabytes") * 1e6,
                all(
                    self._has(file) for file, (_, task) in self._task_data().items() if task == name
                ),
            )
            for name, entry in self._plan.tasks.items()
            if entry.data.kind in _REMOTE
        ]

    def checkpoints(self) -> list[Item]:
        """Return the checkpoints."""
        return [self._checkpoint(name) for name in self._plan.models]

    def task_data(self) -> list[Item]:
        """Return the tasks' data, once for each tokenizer or image processor."""
        return [Item(size, self._has(file)) for file, (size, _) in self._task_data().items()]

    def masks(self) -> list[Item]:
        """Return the masks."""
        return [
            Item(
                storage.mask_bytes(self._sizes, model),
                self.has_mask(model, mask.name),
            )
            for model, mask in self._plan.all_masks
        ]

    def predictions(self) -> list[Item]:
        """Return the runs' predictions."""
        return [
            Item(
                storage.prediction_bytes(
                    self._sizes, run.task, self._plan.recipe(run.task, run.recipe)
                ),
                self.has_run(run),
            )
            for run in self._plan.all_runs
        ]

    def restart_point(self) -> Amount:
        """Return the largest restart point of a run that is not there yet."""
        points = [
            storage.restart_bytes(self._sizes, model, self._plan.recipe(task, recipe))
            for model, task, recipe in {
                (run.model, run.task, run.recipe)
                for run in self._plan.all_runs
                if not self.has_run(run)
            }
        ]
        largest = max((point.value for point in points), default=0.0)
        return Amount(largest, total(points).unknown)

    def has_run(self, run: Run) -> bool:
        """Tell whether a run's tables are there."""
        return all(map(self._has, run.tables))

    def has_mask(self, model: str, mask: str) -> bool:
        """Tell whether a mask is there."""
        return self._has(paths.MASK.format(model=model, mask=mask))

    def _checkpoint(self, model: str) -> Item:
        return Item(
            storage.checkpoint_bytes(self._sizes, model),
            self._has(paths.CHECKPOINT_MANIFEST.format(model=model)),
        )

    def _task_data(self) -> dict[str, tuple[Amount, str]]:
        """Return manifest → bytes and task."""
        return {
            self._plan.task_data(model, task, recipe): (
                storage.task_bytes(self._sizes, model, task, self._plan.recipe(task, recipe)),
                task,
            )
            for model, task, recipe in dict.fromkeys(
                (run.model, run.task, run.recipe) for run in self._plan.all_runs
            )
        }

    def _has(self, artifact: str) -> bool:
        return (self._results / artifact).exists()
