"""`mask import`: another tool's mask becomes one of ours."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.masks.mask import Mask


def test_booleans(models: Path, tmp_path: Path, run_json: Callable[..., dict[str, Any]]) -> None:
    draw = np.random.default_rng(0)
    keeps = {
        f"bert.{matrix.name}": draw.random(matrix.shape) < 0.3
        for matrix in Checkpoint.survey(models / "bert").matrices
    }
    save_file(keeps, tmp_path / "Their Mask.safetensors")
    output = tmp_path / "masks" / "theirs.safetensors"
    words = [tmp_path / "Their Mask.safetensors", "--checkpoint", models / "bert"]
    document = run_json("import", *words, "--output", output)
    assert document["name"] == "imported-their-mask"
    mask = Mask.load(output)
    for name in mask.matrices:
        assert np.array_equal(mask.keep(name), keeps[f"bert.{name}"])
    run_json("import", *words, "--output", output, "--name", "theirs")
    assert Mask.load(output).header.name == "imported-theirs"


def test_a_pruned_checkpoint_gives_its_mask_back(
    models: Path, tmp_path: Path, run: Callable[..., str]
) -> None:
    original = tmp_path / "magnitude-global-s0.70.safetensors"
    run("compute", models / "vit", "--output", tmp_path, "--sparsity", 0.7)
    run("apply", original, models / "vit", "--output", tmp_path / "pruned")
    output = tmp_path / "back.safetensors"
    run("import", tmp_path / "pruned", "--checkpoint", models / "vit", "--output", output)
    back, mask = Mask.load(output), Mask.load(original)
    assert back.header.name == "imported-pruned"
    assert all(np.array_equal(back.packed[name], mask.packed[name]) for name in mask.matrices)
