"""A tiny checkpoint with its task and masks, made by the stages themselves, and a way to run it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.checkpoints.manifest import Manifest, load_manifest
from essential_sparsity.checkpoints.spec import CheckpointSpec, FolderSource
from essential_sparsity.checkpoints.stage import fetch_checkpoint
from essential_sparsity.masks.computation import compute_masks
from essential_sparsity.masks.criteria.dense import Dense
from essential_sparsity.masks.criteria.magnitude import Magnitude
from essential_sparsity.masks.mask import Mask
from essential_sparsity.metrics.scoring import Scoring
from essential_sparsity.runs.job import Job
from essential_sparsity.runs.procedures.fine_tuning.spec import RecipeSpec, RunSpec
from essential_sparsity.tasks.build import build_task
from essential_sparsity.tasks.kinds.text_classification import TextClassification
from essential_sparsity.tasks.manifest import TaskData, load_task
from essential_sparsity.tasks.spec import LocalFiles, TaskDataSpec
from miniatures import save_bert, write_examples


@dataclass(frozen=True)
class Bench:
    """Everything that a run needs, loaded."""

    checkpoint: Path
    manifest: Manifest
    task: TaskData

    def mask(self, sparsity: float) -> Mask:
        spec = Magnitude(sparsity=sparsity) if sparsity else Dense()
        path = self.checkpoint.parent / "masks" / f"{spec.name}.safetensors"
        with Checkpoint.load(self.checkpoint) as checkpoint:
            compute_masks(checkpoint, {path: spec})
        return Mask.load(path)

    def model(self, seed: int = 1) -> Any:
        from essential_sparsity.runs.heads import open_head
        from essential_sparsity.runs.model import load_model

        recipe = RecipeSpec(epochs=1, batch_size=8, learning_rate=1e-2)
        kind = open_head(self.task, self.checkpoint, recipe)
        return load_model(self.checkpoint, self.manifest, kind, seed)


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("bench")
    save_bert(folder / "model")
    write_examples(folder / "data")
    source = FolderSource(kind="folder", path=str(folder / "model"))
    fetch_checkpoint(CheckpointSpec(version=1, sources=(source,)), folder / "checkpoint")
    data = LocalFiles(
        kind="files",
        train=str(folder / "data" / "train.csv"),
        evaluation=str(folder / "data" / "evaluation.csv"),
    )
    examples = TextClassification(
        kind="text-classification", fields=("text",), labels=("bad", "good")
    )
    spec = TaskDataSpec(version=1, data=data, examples=examples, max_length=24)
    build_task(spec, folder / "checkpoint", folder / "task")
    return Bench(
        folder / "checkpoint", load_manifest(folder / "checkpoint"), load_task(folder / "task")
    )


@pytest.fixture
def run(bench: Bench, tmp_path: Path) -> Callable[..., Any]:
    """Return `run(sparsity, seed, **recipe)`, which fine-tunes and returns the outcome."""
    from essential_sparsity.runs.procedures.fine_tuning.run import fine_tune
    from essential_sparsity.runs.training.resume import RestartPoint

    def run_one(
        sparsity: float = 0.5,
        seed: int = 1,
        restart: Path | None = None,
        per_device_batch: int = 0,
        companion: Any = None,
        **changes: Any,
    ) -> Any:
        recipe = {"epochs": 2, "batch_size": 8, "learning_rate": 1e-2, **changes}
        spec = RunSpec(recipe=RecipeSpec(**recipe), seed=seed)
        point = RestartPoint(restart or tmp_path / f"{sparsity}-{seed}", "identity")
        job = Job(
            bench.checkpoint, bench.manifest, bench.task, bench.mask(sparsity), spec, point,
            "title", Scoring.of("accuracy"), limit=per_device_batch,
        )  # fmt: skip
        return fine_tune(job, companion)

    return run_one
