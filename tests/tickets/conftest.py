"""The tiny checkpoint of the runs' tests, and a way to find masks on it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.masks.computation import compute_masks
from essential_sparsity.masks.criteria.dense import Dense
from essential_sparsity.masks.mask import Mask
from essential_sparsity.masks.trained import Trained
from essential_sparsity.runs.job import Job
from essential_sparsity.runs.procedures.fine_tuning.spec import RecipeSpec, RunSpec
from runs.conftest import Bench, bench  # noqa: F401 - a fixture


@pytest.fixture
def find(bench: Bench, tmp_path: Path) -> Callable[..., Any]:  # noqa: F811
    """Return `find(spec, seed, **recipe)`: the mask's path, after those that lead to it."""
    from essential_sparsity.runs.training.resume import RestartPoint
    from essential_sparsity.tickets.training import find_mask

    def find_one(spec: Trained, seed: int = 1, **changes: Any) -> Path:
        recipe = {"epochs": 2, "batch_size": 8, "learning_rate": 1e-2, **changes}
        run = RunSpec(recipe=RecipeSpec(**recipe), seed=seed)
        folder = tmp_path / f"{seed}-{run.recipe.digest()}"
        with Checkpoint.load(bench.checkpoint) as checkpoint:
            path = folder / f"{spec.name}.safetensors"
            if path.exists():
                return path
            previous = spec.previous()
            if isinstance(previous, Trained):
                begun = find_one(previous, seed, **changes)
            else:
                begun = folder / "dense.safetensors"
                compute_masks(checkpoint, {begun: Dense()})
            scratch = folder / "scratch"
            scratch.mkdir(exist_ok=True)
            restart = RestartPoint(folder / f".{spec.name}", "identity")
            job = Job(
                bench.checkpoint, bench.manifest, bench.task, Mask.load(begun), run, restart,
                spec.name,
            )  # fmt: skip
            find_mask(checkpoint, job, begun, spec, scratch, path, threads=1)
            assert not list(scratch.glob("weights*")), "fine-tuned weights were left behind"
            restart.clear()
        return path

    return find_one


@pytest.fixture
def omp(bench: Bench) -> Callable[[float], Mask]:  # noqa: F811
    return bench.mask
