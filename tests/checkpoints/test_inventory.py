"""The inventory: matrices, counts, parts, and checkpoints that are not whole."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from essential_sparsity.checkpoints.inventory import take_inventory
from essential_sparsity.support.errors import UserError


@pytest.fixture
def folder(tiny: Callable[[str], Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny("bert"), tmp_path / "bert"))


def edit_config(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def split(folder: Path) -> None:
    """Make the one weights file two, with the index that names them."""
    state = load_file(folder / "model.safetensors")
    names, parts = sorted(state), {}
    for number, group in enumerate((names[: len(names) // 2], names[len(names) // 2 :]), 1):
        file = f"model-{number:05}-of-00002.safetensors"
        save_file({name: state[name] for name in group}, folder / file)
        parts.update(dict.fromkeys(group, file))
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": parts}))


@pytest.mark.parametrize("architecture", ["bert", "opt", "vit", "llama"])
def test_counts_are_those_of_the_model(architecture: str, tiny: Callable[[str], Path]) -> None:
    import transformers

    config = transformers.AutoConfig.from_pretrained(tiny(architecture))
    model: Any = getattr(transformers, config.architectures[0]).from_pretrained(tiny(architecture))
    inventory = take_inventory(tiny(architecture))
    assert inventory.architecture == architecture
    assert inventory.parameters.count == sum(p.numel() for p in model.parameters())
    # 4·h² of attention, and two or three h·f matrices; a single key/value head is half as wide.
    per_layer = 3 * 64 + 3 * 128 if architecture == "llama" else 4 * 64 + 2 * 128
    assert inventory.prunable.count == 2 * per_layer


def test_matrices_say_where_they_are(folder: Path) -> None:
    matrix = take_inventory(folder).prunable.matrices[-1]
    assert matrix.model_dump() == {
        "name": "bert.encoder.layer.1.output.dense.weight",
        "shape": (8, 16),
        "dtype": "F32",
        "file": "model.safetensors",
        "layer": 1,
        "module": "feed_forward_out",
        "part": "feed_forward",
    }


def test_a_pooler_is_one_matrix_more(folder: Path) -> None:
    without, inventory = take_inventory(folder), take_inventory(folder, prune_pooler=True)
    assert inventory.prunable.matrices[:-1] == without.prunable.matrices
    assert inventory.prunable.matrices[-1].model_dump() == {
        "name": "bert.pooler.dense.weight",
        "shape": (8, 8),
        "dtype": "F32",
        "file": "model.safetensors",
        "layer": 2,
        "module": "pooler",
        "part": "pooler",
    }
    assert inventory.prunable.count == without.prunable.count + 64
    assert inventory.parameters == without.parameters
    # The number of layers is still held against the configuration's.
    edit_config(folder, num_hidden_layers=3)
    with pytest.raises(UserError, match=r"the weights have 2 layers, .* num_hidden_layers: 3"):
        take_inventory(folder, prune_pooler=True)


@pytest.mark.parametrize("architecture", ["opt", "vit", "llama"])
def test_where_there_is_no_pooler_none_is_pruned(
    architecture: str, tiny: Callable[[str], Path]
) -> None:
    with pytest.raises(UserError, match=rf"config.json: .* '{architecture}' has no pooler"):
        take_inventory(tiny(architecture), prune_pooler=True)


def test_parts_are_one_checkpoint(folder: Path) -> None:
    whole = take_inventory(folder)
    split(folder)
    parts = take_inventory(folder)
    assert parts.parameters == whole.parameters
    assert [m.name for m in parts.prunable.matrices] == [m.name for m in whole.prunable.matrices]
    assert {m.file for m in parts.prunable.matrices} == {
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    }


@pytest.mark.parametrize("part", [1, 2])
def test_a_missing_part_is_named(folder: Path, part: int) -> None:
    split(folder)
    (folder / f"model-{part:05}-of-00002.safetensors").unlink()
    with pytest.raises(UserError, match=rf"weight_map: names 'model-{part:05}-of-.*not there"):
        take_inventory(folder)


@pytest.mark.parametrize("name", ["../config.json", "/etc/hostname", "", None, ["x"]])
def test_an_index_cannot_lead_out_of_the_folder(folder: Path, name: object) -> None:
    split(folder)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
    with pytest.raises(UserError, match=r"index.json: weight_map: names"):
        take_inventory(folder)


def test_a_tied_head_and_buffers_do_not_count_twice(folder: Path) -> None:
    before = take_inventory(folder).parameters.count
    state = load_file(folder / "model.safetensors")
    state["cls.predictions.decoder.weight"] = state["bert.embeddings.word_embeddings.weight"].copy()
    state["bert.embeddings.position_ids"] = np.arange(12)[None]
    state["bert.layers.0.rotary_emb.inv_freq"] = np.ones(4, np.float32)
    save_file(state, folder / "model.safetensors")
    assert take_inventory(folder).parameters.count == before
    state["cls.predictions.decoder.weight"][0, 0] += 1  # a head of its own is no tied one
    save_file(state, folder / "model.safetensors")
    assert take_inventory(folder).parameters.count == before + 80


def test_layers_that_the_configuration_promises_are_missed(folder: Path) -> None:
    edit_config(folder, num_hidden_layers=3)
    with pytest.raises(UserError, match=r"the weights have 2 layers, .* num_hidden_layers: 3"):
        take_inventory(folder)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("query", None, "layer 0 of 2 lacks its query"),
        ("query", np.zeros(64, np.float32), r"is F32 \[64\]; a prunable matrix"),
        ("query", np.zeros((8, 8), np.int8), r"is I8 \[8, 8\]; a prunable matrix"),
    ],
)
def test_matrices_that_cannot_be_pruned(
    folder: Path, name: str, value: np.ndarray | None, message: str
) -> None:
    state = load_file(folder / "model.safetensors")
    full = f"bert.encoder.layer.0.attention.self.{name}.weight"
    del state[full]
    if value is not None:
        state[full] = value
    save_file(state, folder / "model.safetensors")
    with pytest.raises(UserError, match=message):
        take_inventory(folder)


def test_an_unknown_architecture_is_the_users_error(folder: Path) -> None:
    edit_config(folder, model_type="gpt2")
    with pytest.raises(UserError, match=r"config.json: model_type: unknown architecture 'gpt2'"):
        take_inventory(folder)


def test_a_configuration_that_is_no_json(folder: Path) -> None:
    (folder / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"config.json: not a model configuration"):
        take_inventory(folder)
