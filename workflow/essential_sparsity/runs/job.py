"""What a procedure is given, and what it leaves."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import pyarrow as pa

from essential_sparsity.checkpoints.manifest import Manifest
from essential_sparsity.masks.mask import Mask
from essential_sparsity.runs.training.resume import RestartPoint
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.spec import Spec
from essential_sparsity.tasks.manifest import TaskData

_Spec = TypeVar("_Spec", bound=Spec)

REMEDY = "a smaller learning_rate in the recipe is the usual remedy"


class Diverged(UserError):
    """Something that training goes by is no finite number any more; `finding` says what."""

    def __init__(self, finding: str, title: str = "") -> None:
        """Take the finding, and the title of the run where the message is to name it."""
        self.finding = finding
        name = f"{title}: " if title else ""
        super().__init__(f"{name}{finding}: training diverged; {REMEDY}")


# Imported by this name where scores are wanted: how runs are scored is no part of their key.
SCORING = "essential_sparsity.metrics.scoring"


class Scoring(Protocol):
    """How predictions are scored for people, which is no part of a run: see `metrics.scoring`."""

    @property
    def versions(self) -> Mapping[str, int]:
        """Name → version of every metric, the run's own first."""

    def check(self, labels: tuple[str, ...], where: str) -> None:
        """Raise `UserError` unless the metrics fit a task with these classes."""

    def scores(self, predictions: pa.Table) -> dict[str, float]:
        """Return name → score."""

    def best(self, candidates: Iterable[pa.Table]) -> pa.Table:
        """Return the predictions with the best score."""

    def with_shares(self, predictions: pa.Table) -> pa.Table:
        """Return the predictions with what each of them scores."""


@dataclass(frozen=True)
class Job(Generic[_Spec]):
    """One run.

    Attributes:
        checkpoint: the folder.
        manifest: the checkpoint's.
        task: the task's data.
        mask: the mask of the checkpoint.
        spec: what the procedure wants to know.
        restart: where a run that was killed finds what it had done.
        title: what messages call the run.
        scoring: how predictions are scored; None leaves scores out.
        start: files of tensors to start from instead of the checkpoint's.
        devices: how many share the work.
        limit: examples that a device takes at once; 0 for as many as the procedure wants.
    """

    checkpoint: Path
    manifest: Manifest
    task: TaskData
    mask: Mask
    spec: _Spec
    restart: RestartPoint
    title: str
    scoring: Scoring | None = None
    start: tuple[Path, ...] = ()
    devices: int = 1
    limit: int = 0

    def check(self) -> None:
        """Check that mask, checkpoint, task and metrics belong together.

        Raises:
            UserError: they do not.
        """
        header = self.mask.header
        if header.checkpoint != self.manifest.sha256:
            raise UserError(
                f"{self.checkpoint}: the mask {header.name} was made for another checkpoint "
                f"({header.checkpoint[:12]}…, this one is {self.manifest.sha256[:12]}…)"
            )
        shapes = {matrix.name: tuple(matrix.shape) for matrix in self.manifest.matrices}
        if shapes != header.shapes:
            odd = sorted(set(shapes.items()) ^ set(header.shapes.items()))[0][0]
            raise UserError(
                f"{self.checkpoint}: {odd}: the mask's matrix differs from the checkpoint's"
            )
        if self.scoring:
            self.scoring.check(self.task.labels, str(self.task.folder))


@dataclass(frozen=True)
class Outcome:
    """What a run leaves.

    Attributes:
        metrics: one row an evaluation.
        predictions: one row an example of the last evaluation.
        movement: matrix → ‖θ_FT − m ⊙ θp‖, L2: how far training moved the weights that are kept;
            empty where nothing was trained, or training diverged.
    """

    metrics: pa.Table
    predictions: pa.Table
    movement: dict[str, float]
