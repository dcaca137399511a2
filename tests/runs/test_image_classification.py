"""Runs on images: what the model is fed with, and the head that it gets."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.checkpoints.manifest import load_manifest
from essential_sparsity.checkpoints.spec import CheckpointSpec, FolderSource
from essential_sparsity.checkpoints.stage import fetch_checkpoint
from essential_sparsity.masks.computation import compute_masks
from essential_sparsity.masks.criteria.magnitude import Magnitude
from essential_sparsity.masks.mask import Mask
from essential_sparsity.metrics.scoring import Scoring
from essential_sparsity.runs.job import Job
from essential_sparsity.runs.procedures.fine_tuning.spec import RecipeSpec, RunSpec
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import read_json, write_json
from essential_sparsity.tasks.build import build_task
from essential_sparsity.tasks.manifest import load_task
from essential_sparsity.tasks.spec import TaskDataSpec
from miniatures import save_vit
from tasks.tiny_images import PROCESSORS, document, encode, table

RECIPE = {"epochs": 2, "batch_size": 8, "learning_rate": 1e-2}


def picture(row: int) -> Image.Image:
    """Return a noisy picture, brighter on the left if `row` is even, on the right if it is odd."""
    values = np.random.default_rng(row).integers(0, 100, (12, 14, 3), dtype=np.uint8)
    values[:, slice(0, 7) if row % 2 == 0 else slice(7, 14)] += 100
    return Image.fromarray(values)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints `vit`, `dino` and `supervised` (with a head of two classes), and task data."""
    folder = tmp_path_factory.mktemp("images")
    save_vit(folder / "models" / "vit")
    save_vit(folder / "models" / "dino", seed=1, processor=PROCESSORS["dino"])
    save_vit(folder / "models" / "deit", seed=2, processor=PROCESSORS["deit"])
    save_vit(folder / "models" / "supervised", seed=3, classes=2)
    for model in sorted((folder / "models").iterdir()):
        source = FolderSource(kind="folder", path=str(model))
        fetch_checkpoint(CheckpointSpec(version=1, sources=(source,)), folder / model.name)
    train = table([encode(picture(row)) for row in range(64)])
    evaluation = table([encode(picture(row)) for row in range(100, 132)])
    for size in (None, 24):
        spec = document(folder, train, evaluation, **({"image_size": size} if size else {}))
        build_task(TaskDataSpec.check(spec, "spec"), folder / "vit", folder / f"task-{size}")
    return folder


@pytest.fixture
def kind(folder: Path) -> Callable[..., Any]:
    """Return `kind(model, size, **recipe)`, the task as a run with that model uses it."""
    from essential_sparsity.runs.heads import open_head

    def open_one(model: str = "vit", size: int | None = None, **changes: Any) -> Any:
        recipe = RecipeSpec(**{**RECIPE, "image_size": size, **changes})
        return open_head(load_task(folder / f"task-{size}"), folder / model, recipe)

    return open_one


@pytest.fixture
def load(folder: Path, kind: Callable[..., Any]) -> Callable[..., Any]:
    """Return `load(model, seed)`, the model of a run."""
    from essential_sparsity.runs.model import load_model

    def load_one(model: str, seed: int = 1, size: int | None = None) -> Any:
        return load_model(folder / model, load_manifest(folder / model), kind(model, size), seed)

    return load_one


@pytest.fixture
def run(folder: Path, tmp_path: Path) -> Callable[..., Any]:
    """Return `run(model, size, **recipe)`, which fine-tunes at 50 % and returns the outcome."""
    from essential_sparsity.runs.procedures.fine_tuning.run import fine_tune
    from essential_sparsity.runs.training.resume import RestartPoint

    def run_one(model: str = "vit", size: int | None = None, **changes: Any) -> Any:
        mask = tmp_path / "mask.safetensors"
        with Checkpoint.load(folder / model) as checkpoint:
            compute_masks(checkpoint, {mask: Magnitude(sparsity=0.5)})
        spec = RunSpec(recipe=RecipeSpec(**{**RECIPE, "image_size": size, **changes}), seed=1)
        job = Job(
            folder / model,
            load_manifest(folder / model),
            load_task(folder / f"task-{size}"),
            Mask.load(mask),
            spec,
            RestartPoint(tmp_path / "restart", "identity"),
            "title",
            Scoring.of("accuracy"),
        )
        return fine_tune(job)

    return run_one


@pytest.mark.parametrize(("model", "size"), [("vit", None), ("supervised", 24)])
def test_a_run_learns(run: Callable[..., Any], model: str, size: int | None) -> None:
    outcome = run(model, size, epochs=4)
    assert outcome.metrics.column("score").to_pylist()[-1] > 90
    predictions = outcome.predictions
    assert predictions.column("id").to_pylist() == [f"evaluation/{row}" for row in range(32)]
    assert predictions.column("label").to_pylist() == [row % 2 for row in range(32)]
    assert all(len(logits) == 2 for logits in predictions.column("logits").to_pylist())


@pytest.mark.parametrize("model", ["vit", "dino"])
def test_the_model_gets_what_its_own_processor_gives(
    folder: Path, kind: Callable[..., Any], model: str
) -> None:
    from transformers import AutoImageProcessor

    images = kind(model)
    rows = images.dataset(images.train(), "train")
    batch = images.collate([rows[5], rows[0]])
    own = AutoImageProcessor.from_pretrained(folder / model, backend="pil")
    expected = own([picture(5), picture(0)], return_tensors="pt")["pixel_values"]
    assert torch.equal(batch["pixel_values"], expected)
    assert batch["labels"].tolist() == [1, 0]
    assert set(batch) == {"pixel_values", "labels"}


def test_a_sample_keeps_its_pixels(kind: Callable[..., Any]) -> None:
    every, few = kind(), kind(train_examples=9, evaluation_examples=7)
    for split, chosen, count in (("train", few.train(), 9), ("evaluation", few.evaluation(), 7)):
        names = chosen.column("id").to_pylist()
        assert len(names) == count
        assert names != [f"{split}/{row}" for row in range(count)]
        whole = every.dataset(getattr(every, split)(), split)
        rows = few.dataset(chosen, split)
        for name, row in zip(names, rows, strict=True):
            same = whole[int(name.removeprefix(f"{split}/"))]
            assert np.array_equal(row["pixel_values"], same["pixel_values"])
            assert row["labels"] == same["labels"]


def test_other_sizes_interpolate_the_position_embeddings(
    kind: Callable[..., Any], load: Callable[..., Any]
) -> None:
    images = kind("vit", 24)
    model = load("vit", size=24)
    images.configure(model)
    rows = images.dataset(images.train(), "train")
    batch = images.collate([rows[0], rows[1]])
    assert batch["pixel_values"].shape == (2, 3, 24, 24)
    assert model(**batch).logits.shape == (2, 2)
    with pytest.raises(ValueError, match="doesn't match model"):
        model(pixel_values=batch["pixel_values"])


def test_the_head_is_drawn_from_the_seed_even_where_the_checkpoint_has_one_of_its_shape(
    folder: Path, load: Callable[..., Any]
) -> None:
    from safetensors.torch import load_file

    stored = load_file(folder / "supervised" / "model.safetensors")["classifier.weight"]
    heads = [load("supervised", seed).classifier for seed in (1, 1, 2)]
    assert heads[0].weight.shape == stored.shape
    assert not torch.equal(heads[0].weight, stored)
    assert torch.equal(heads[0].weight, heads[1].weight)
    assert not torch.equal(heads[0].weight, heads[2].weight)
    assert 0 < float(heads[0].weight.detach().std()) < 0.1
    body = load("supervised").vit.state_dict()
    original = load_file(folder / "supervised" / "model.safetensors")
    kept = original["vit.embeddings.position_embeddings"]
    assert torch.equal(body["embeddings.position_embeddings"], kept)


def test_pixels_of_another_processor_or_size_are_refused(
    folder: Path, kind: Callable[..., Any]
) -> None:
    with pytest.raises(UserError, match="made ready by another image processor than the one in"):
        kind("deit")
    from essential_sparsity.runs.heads import open_head

    recipe = RecipeSpec(**RECIPE, image_size=16)
    with pytest.raises(UserError, match="made ready by another image processor than the one in"):
        open_head(load_task(folder / "task-24"), folder / "vit", recipe)


def test_a_label_beyond_the_classes_is_refused(folder: Path, tmp_path: Path) -> None:
    from essential_sparsity.runs.heads import open_head

    shutil.copytree(folder / "task-None", tmp_path / "task")
    manifest = tmp_path / "task" / "task.json"
    write_json(manifest, {**read_json(manifest, "task manifest"), "labels": ["one"]})
    images = open_head(load_task(tmp_path / "task"), folder / "vit", RecipeSpec(**RECIPE))
    with pytest.raises(UserError, match="label 1: the head has 1 classes"):
        images.evaluation()
