"""What a procedure is given, and what it leaves."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from essential_sparsity.checkpoints.manifest import Manifest
from essential_sparsity.masks.mask import Mask
from essential_sparsity.runs.procedures.fine_tuning.spec import RunSpec
from essential_sparsity.runs.training.resume import RestartPoint
from essential_sparsity.support.errors import UserError
from essential_sparsity.tasks.manifest import TaskData

if TYPE_CHECKING:
    from essential_sparsity.metrics.scoring import Scoring

REMEDY = "a smaller learning_rate in the recipe is the usual remedy"


class Diverged(UserError):
    """Something that training goes by is no finite number any more; `finding` says what."""

    def __init__(self, finding: str, title: str = "") -> None:
        self.finding = finding
        name = f"{title}: " if title else ""
        super().__init__(f"{name}{finding}: training diverged; {REMEDY}")


@dataclass(frozen=True)
class Job:
    """One run of a checkpoint, in a folder, on a task under a mask.

    Attributes:
        spec: the recipe, of the procedure's own class, and the seed.
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
    spec: RunSpec
    restart: RestartPoint
    title: str
    scoring: "Scoring | None" = None
    start: tuple[Path, ...] = ()
    devices: int = 1
    limit: int = 0

    def check(self) -> None:
        """Check that mask, checkpoint, task and metrics belong together."""
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
