"""Runs, checkpoints and masks as the stages before leave them, made from what matters of them."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from essential_sparsity.checkpoints.manifest import load_manifest
from essential_sparsity.masks.criteria.magnitude import Magnitude
from essential_sparsity.masks.mask import Header, Mask
from essential_sparsity.masks.spec import DENSE, MaskSpec
from essential_sparsity.outcomes.spec import RunsSpec
from essential_sparsity.runs.labels import labels_of_run
from essential_sparsity.stages import paths

RECIPE = "quick-12345678"

WriteRun = Callable[..., Path]

# Masks by their names in paths.
KNOWN = {mask.name: mask for mask in (DENSE, *(Magnitude(sparsity=s / 20) for s in range(1, 20)))}


def header_of(mask: MaskSpec, removed: float = 0.25) -> Header:
    """Return the header of a mask of four hundred weights."""
    return Header(
        format_version=1, name=mask.name, architecture="bert", checkpoint="0" * 64,
        spec=mask.document(), shapes={}, total=400, removed=round(400 * removed),
    )  # fmt: skip


def runs_of(root: Path) -> list[str]:
    """Return what all runs below `root` leave, as a stage is given it."""
    return sorted(file.relative_to(root).as_posix() for file in root.glob("runs/**/*.parquet"))


# name → shape, layer, module, part
Matrices = Mapping[str, tuple[tuple[int, int], int, str, str]]


@pytest.fixture
def write_run(tmp_path: Path) -> WriteRun:
    """Return a function that writes a run's two files below `tmp_path` and returns its folder.

    The run is scored by accuracy, and `scores` say which answers are right. `metrics` and
    `predictions` change or add columns; a value of None drops one. A mask is a spec, or the name of
    one of `KNOWN`; `removed` is the share that its file counts.
    """

    def write(
        scores: Sequence[float],
        *,
        model: str = "bert",
        task: str = "rte",
        mask: str | MaskSpec = "dense",
        seed: int = 1,
        removed: float = 0.25,
        metrics: dict[str, Any] | None = None,
        predictions: dict[str, Any] | None = None,
    ) -> Path:
        spec = KNOWN[mask] if isinstance(mask, str) else mask
        labels = labels_of_run(header_of(spec, removed), model, task, RECIPE, seed)
        identity = dict(model=model, task=task, recipe=RECIPE, mask=spec.name, seed=seed)
        row: dict[str, Any] = {
            **labels,
            "epoch": 2.0,
            "metric": "accuracy",
            "score": 100 * sum(scores) / len(scores),
            "loss": 0.5,
            "examples": len(scores),
            "seconds": 3.0,
            "last": True,
            "failure": None,
        }
        given = predictions or {}
        truth = given.get("label") or [index % 2 for index in range(len(scores))]
        columns: dict[str, Any] = {
            "id": [f"e{index}" for index in range(len(scores))],
            "label": truth,
            "prediction": [
                label if score else label + 1 for label, score in zip(truth, scores, strict=True)
            ],
            "score": list(scores),
        }
        row.update(metrics or {})
        columns.update(given)
        # An earlier evaluation, which nothing may read.
        rows = [{**row, "last": False, "epoch": 1.0, "score": 0.0}, row]
        folder = tmp_path / paths.RUN.format(**identity)
        folder.mkdir(parents=True, exist_ok=True)
        required = row.keys() - {"failure", "pattern", "replicate"}
        kept = [{k: v for k, v in r.items() if v is not None or k not in required} for r in rows]
        pq.write_table(pa.Table.from_pylist(kept), tmp_path / paths.METRICS.format(**identity))
        data = {key: value for key, value in columns.items() if value is not None}
        pq.write_table(pa.table(data), tmp_path / paths.PREDICTIONS.format(**identity))
        return folder

    return write


@pytest.fixture
def write_checkpoint(tmp_path: Path) -> Callable[..., None]:
    """Return a function that writes the manifest of model `bert`, all that tables need of it."""

    def write(matrices: Matrices, digest: str = "0" * 64) -> None:
        listed = [
            {"name": name, "shape": shape, "dtype": "F32", "file": "model.safetensors",
             "layer": layer, "module": module, "part": part}
            for name, (shape, layer, module, part) in matrices.items()
        ]  # fmt: skip
        count = sum(math.prod(shape) for shape, *_ in matrices.values())
        document = {
            "format_version": 1, "architecture": "bert", "source": {"kind": "folder"},
            "files": {"model.safetensors": digest},
            "prunable": {"count": count, "matrices": listed}, "parameters": {"count": count + 9},
        }  # fmt: skip
        folder = tmp_path / "checkpoints/bert"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "checkpoint.json").write_text(json.dumps(document))

    return write


@pytest.fixture
def write_mask(tmp_path: Path) -> Callable[..., None]:
    """Return a function that writes a mask of model `bert`, to the place of `at` if that is given.

    `keeps` are bool of the matrices' shapes.
    """

    def write(
        keeps: Mapping[str, NDArray[np.bool_]], spec: MaskSpec, at: MaskSpec | None = None
    ) -> None:
        identity = load_manifest(tmp_path / "checkpoints/bert", verify=False).sha256
        mask = Mask.build(
            keeps, spec.document(), name=spec.name, architecture="bert", checkpoint=identity,
            selected_on="F32",
        )  # fmt: skip
        mask.save(tmp_path / f"masks/bert/{(at or spec).name}.safetensors")

    return write


def spec_of(*sparsities: float, **fields: Any) -> RunsSpec:
    """Return the spec of model `bert` under magnitude masks of these sparsities."""
    families = {"magnitude-global": sparsities}
    return RunsSpec.model_validate({"models": ("bert",), "families": families, **fields})


def answers_of(right: int, examples: int = 10) -> list[float]:
    return [1.0] * right + [0.0] * (examples - right)


@pytest.fixture
def small_study(write_run: Any) -> RunsSpec:
    """Ten examples, two seeds, two sparsities, a control; every number below is worked by hand."""
    labels = {"label": [0, 0, 0, 0, 0, 0, 1, 1, 1, 2]}
    right = {
        ("bert", "dense"): (8, 9),
        ("bert", "magnitude-global-s0.50"): (8, 7),
        ("bert", "magnitude-global-s0.90"): (3, 4),
        ("random", "dense"): (5, 6),
    }
    for (model, mask), by_seed in right.items():
        for seed, count in enumerate(by_seed, start=1):
            answers = answers_of(count)
            write_run(answers, model=model, mask=mask, seed=seed, predictions=labels)
    return spec_of(0.9, 0.5, controls={"random": "bert"})
