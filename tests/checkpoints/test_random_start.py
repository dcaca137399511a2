"""The random start: the same for the same seed, no trace of the pre-training, same architecture."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from essential_sparsity.checkpoints.manifest import load_manifest
from essential_sparsity.checkpoints.spec import CheckpointSpec
from essential_sparsity.checkpoints.stage import fetch_checkpoint
from essential_sparsity.checkpoints.tensors import read_tensor
from essential_sparsity.support.errors import UserError


def spec_of(**source: Any) -> CheckpointSpec:
    return CheckpointSpec.model_validate({"version": 1, "sources": [source]})


@pytest.fixture
def base(tiny: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """Return `architecture -> checkpoint folder`."""

    def make(architecture: str, **more: Any) -> Path:
        (tmp_path / "tokenized").mkdir()
        for path in tiny(architecture).iterdir():
            (tmp_path / "tokenized" / path.name).write_bytes(path.read_bytes())
        (tmp_path / "tokenized" / "vocab.txt").write_text("a\nb\n")
        source = {"kind": "folder", "path": str(tmp_path / "tokenized")}
        fetch_checkpoint(spec_of(**source).model_copy(update=more), tmp_path / "base")
        return tmp_path / "base"

    return make


def draw(base: Path, name: str, seed: int = 0) -> Path:
    fetch_checkpoint(spec_of(kind="random", of="base", seed=seed), base.parent / name, base)
    return base.parent / name


@pytest.mark.parametrize("architecture", ["bert", "opt", "vit", "llama"])
def test_same_places_other_weights(architecture: str, base: Callable[[str], Path]) -> None:
    folder = base(architecture)
    random = draw(folder, "random")
    before, after = load_manifest(folder), load_manifest(random)
    assert after.source["base_sha256"] == before.sha256
    assert (random / "vocab.txt").read_text() == "a\nb\n"
    assert (random / "config.json").read_bytes() == (folder / "config.json").read_bytes()
    modes = [(folder / name).stat().st_mode for name in ("config.json", "model.safetensors")]
    assert len({*modes, (random / "model.safetensors").stat().st_mode}) == 1
    assert after.architecture == architecture
    assert after.prunable_count == before.prunable_count
    for one, other in zip(before.matrices, after.matrices, strict=True):
        assert (one.layer, one.module, one.shape) == (other.layer, other.module, other.shape)
        old, new = read_tensor(folder, one).values(), read_tensor(random, other).values()
        assert other.dtype == "F32"
        assert np.isfinite(new).all()
        assert 0.01 < new.std() < 0.03  # all four initialise with a deviation of 0.02
        assert not np.isin(new, old).any()


def test_the_seed_decides(base: Callable[[str], Path]) -> None:
    folder = base("bert")
    one, same, other = draw(folder, "a"), draw(folder, "b"), draw(folder, "c", seed=1)
    weights = [(f / "model.safetensors").read_bytes() for f in (one, same, other)]
    assert weights[0] == weights[1]
    assert weights[0] != weights[2]


def test_transformers_loads_exactly_these_weights(base: Callable[[str], Path]) -> None:
    import transformers

    # In memory and in the file, this architecture's matrices have other names than on the hub.
    random = draw(base("vit"), "random")
    model: Any = transformers.ViTForImageClassification.from_pretrained(random)
    parameters = {name: p.detach().numpy() for name, p in model.named_parameters()}
    for matrix in load_manifest(random).matrices:
        loaded = parameters[f"vit.{matrix.name}"]
        assert (loaded == read_tensor(random, matrix).values()).all()


def test_a_pooler_is_pruned_as_in_the_base(base: Callable[..., Path]) -> None:
    folder = base("bert", prune_pooler=True)
    manifest = load_manifest(draw(folder, "random"))
    assert manifest.prunes_pooler
    assert manifest.prunable_count == load_manifest(folder).prunable_count
    with pytest.raises(ValueError, match="prune_pooler: a random start does as its base"):
        CheckpointSpec(version=1, sources=spec_of(kind="random", of="b").sources, prune_pooler=True)


def test_a_base_is_needed_and_must_be_sound(base: Callable[[str], Path], tmp_path: Path) -> None:
    spec = spec_of(kind="random", of="base")
    with pytest.raises(UserError, match="random base: a random start needs --base"):
        fetch_checkpoint(spec, tmp_path / "r")
    folder = base("bert")
    (folder / "config.json").write_text("{}")
    with pytest.raises(UserError, match=r"base/config\.json: changed since"):
        fetch_checkpoint(spec, tmp_path / "r", folder)
    assert not (tmp_path / "r").exists()
