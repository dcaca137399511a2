"""The stages from a hub to metrics, called one after the other in this process."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.checkpoints.manifest import Manifest, load_manifest
from essential_sparsity.checkpoints.spec import CheckpointSpec
from essential_sparsity.checkpoints.stage import fetch_checkpoint
from essential_sparsity.masks.computation import compute_masks
from essential_sparsity.masks.criteria.magnitude import Magnitude
from essential_sparsity.masks.mask import Mask
from essential_sparsity.metrics.scoring import Scoring
from essential_sparsity.runs.job import Job
from essential_sparsity.runs.procedures.fine_tuning.spec import RecipeSpec, RunSpec
from essential_sparsity.tasks.build import build_task
from essential_sparsity.tasks.manifest import TaskData, load_task
from essential_sparsity.tasks.spec import TaskDataSpec


@dataclass(frozen=True)
class Stages:
    """A checkpoint in `folder`, and what is made of it there."""

    folder: Path
    manifest: Manifest

    @classmethod
    def fetch(cls, folder: Path, source: dict[str, Any], **more: Any) -> "Stages":
        """Make the checkpoint of one source, as a catalog entry gives it with other keys."""
        spec = CheckpointSpec.check({"version": 1, "sources": [source], **more}, "test")
        fetch_checkpoint(spec, folder / "checkpoint")
        return cls(folder, load_manifest(folder / "checkpoint"))

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint"

    def mask(self, sparsity: float = 0.5) -> Mask:
        """Make the mask by magnitude, global over the checkpoint."""
        spec = Magnitude(sparsity=sparsity)
        path = self.folder / f"{spec.name}.safetensors"
        with Checkpoint.load(self.checkpoint) as checkpoint:
            compute_masks(checkpoint, {path: spec})
        return Mask.load(path)

    def task(self, **keys: Any) -> TaskData:
        """Make the task data of a spec, given by its keys."""
        spec = TaskDataSpec.check({"version": 1, **keys}, "test")
        build_task(spec, self.checkpoint, self.folder / "task")
        return load_task(self.folder / "task")

    def model(self, task: TaskData, seed: int = 1, **recipe: Any) -> Any:
        """Return the model of a run, and its kind of examples."""
        from essential_sparsity.runs.heads import open_head
        from essential_sparsity.runs.model import load_model

        kind = open_head(task, self.checkpoint, recipe_of(**recipe))
        return load_model(self.checkpoint, self.manifest, kind, seed), kind

    def run(self, task: TaskData, mask: Mask, metric: str, **recipe: Any) -> Any:
        """Fine-tune for two steps; return the outcome."""
        from essential_sparsity.runs.procedures.fine_tuning.run import fine_tune
        from essential_sparsity.runs.training.resume import RestartPoint

        spec = RunSpec(recipe=recipe_of(**recipe), seed=1)
        restart = RestartPoint(self.folder / "restart", "identity")
        job = Job(
            self.checkpoint, self.manifest, task, mask, spec, restart, "title", Scoring.of(metric)
        )
        return fine_tune(job)


def recipe_of(**changes: Any) -> RecipeSpec:
    """Return a recipe of two steps."""
    settings = {"epochs": 1, "batch_size": 8, "learning_rate": 1e-3, "train_examples": 16}
    return RecipeSpec(**{**settings, **changes})
