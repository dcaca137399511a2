"""Masks of a small model, written below a results folder as the stages before leave them."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from essential_sparsity.checkpoints.manifest import load_manifest
from essential_sparsity.masks.mask import Mask
from essential_sparsity.stages import paths

Keeps = Mapping[str, NDArray[np.bool_]]
WriteMasks = Callable[..., list[Path]]


@pytest.fixture
def write_masks(tmp_path: Path) -> WriteMasks:
    """Return a function that writes the checkpoint's manifest and a mask for each name → keeps.

    It returns the masks' files. Matrices alternate between the two parts, two a layer.
    """

    def write(masks: Mapping[str, Keeps], model: str = "bert") -> list[Path]:
        matrices = [
            {"name": name, "shape": list(keep.shape), "dtype": "F32", "file": "m.safetensors",
             "layer": place // 2, "module": ("query", "feed_forward_in")[place % 2],
             "part": ("attention", "feed_forward")[place % 2]}
            for place, (name, keep) in enumerate(next(iter(masks.values())).items())
        ]  # fmt: skip
        count = sum(keep.size for keep in next(iter(masks.values())).values())
        document = {
            "format_version": 1, "architecture": "bert", "source": {"kind": "folder"},
            "files": {"m.safetensors": "0" * 64},
            "prunable": {"count": count, "matrices": matrices}, "parameters": {"count": count},
        }  # fmt: skip
        folder = tmp_path / paths.CHECKPOINT.format(model=model)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "checkpoint.json").write_text(json.dumps(document))
        checkpoint = load_manifest(folder, verify=False).sha256
        files = []
        for name, keeps in masks.items():
            files.append(tmp_path / paths.MASK.format(model=model, mask=name))
            spec = {"criterion": "imported", "mask": name, "file": "x"}
            Mask.build(
                keeps, spec, name=name, architecture="bert", checkpoint=checkpoint
            ).save(files[-1])  # fmt: skip
        return files

    return write
