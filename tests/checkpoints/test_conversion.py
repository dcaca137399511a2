"""Pickled weights: the same numbers as safetensors, tied tensors once, nothing executed."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from essential_sparsity.checkpoints.inventory import take_inventory
from essential_sparsity.checkpoints.weights import convert_pickles
from essential_sparsity.support.errors import UserError


def state_of(folder: Path) -> tuple[Any, dict[str, Any]]:
    import transformers

    config = transformers.AutoConfig.from_pretrained(folder)
    model: Any = getattr(transformers, config.architectures[0]).from_pretrained(folder)
    return model, model.state_dict()


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("architecture", ["bert", "opt"])
def test_converted_weights_are_the_same_model(
    architecture: str, parts: int, tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    import torch

    model, state = state_of(tiny(architecture))
    tied = [name for name, _ in model.named_parameters(remove_duplicate=False)]
    assert len(tied) > len(list(model.parameters()))  # the case is worth its name
    shutil.copy(tiny(architecture) / "config.json", tmp_path)
    names = list(state)
    if parts == 1:
        torch.save(state, tmp_path / "pytorch_model.bin")
    else:
        first = {name: state[name] for name in names[:7]}
        rest = {name: state[name] for name in names[7:]}
        torch.save(first, tmp_path / "pytorch_model-00001-of-00002.bin")
        torch.save(rest, tmp_path / "pytorch_model-00002-of-00002.bin")
        (tmp_path / "pytorch_model.bin.index.json").write_text("{}")
    convert_pickles(tmp_path)
    assert not [path.name for path in tmp_path.iterdir() if "pytorch" in path.name]
    assert take_inventory(tmp_path).parameters == take_inventory(tiny(architecture)).parameters
    _, again = state_of(tmp_path)
    assert again.keys() == state.keys()
    assert all(torch.equal(again[name], state[name]) for name in state)
    if parts == 1:
        pruned = [matrix.name for matrix in take_inventory(tmp_path).prunable.matrices]
        assert pruned == [m.name for m in take_inventory(tiny(architecture)).prunable.matrices]


def test_views_of_one_storage_are_kept_apart(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    block = torch.arange(12.0).reshape(3, 4)
    state = {"all": block, "row": block[0], "turned": block.T, "again": block}
    torch.save(state, tmp_path / "pytorch_model.bin")
    convert_pickles(tmp_path)
    stored = load_file(tmp_path / "model.safetensors")
    assert set(stored) == {"all", "row", "turned"}
    assert torch.equal(stored["turned"], block.T)
    assert torch.equal(stored["row"], block[0])


@pytest.mark.parametrize("zipped", [True, False])
def test_pickles_of_either_format_keep_their_bits(zipped: bool, tmp_path: Path) -> None:
    """PyTorch before 1.6 wrote another format, which cannot be mapped."""
    import torch
    from safetensors.torch import load_file

    state = {"w": torch.randn(5, 3).half(), "part": torch.randn(4, 4)[:2], "n": torch.arange(3)}
    path = tmp_path / "pytorch_model.bin"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    convert_pickles(tmp_path)
    stored = load_file(tmp_path / "model.safetensors")
    assert stored.keys() == state.keys()
    for name, tensor in state.items():
        assert stored[name].dtype == tensor.dtype
        assert torch.equal(stored[name], tensor)


class _Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path: Path) -> None:
    import torch

    trace = tmp_path / "it-ran"
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "pytorch_model.bin").write_bytes(pickle.dumps(_Bomb(trace), 2))
    (tmp_path / "zipped").mkdir()
    torch.save({"w": _Bomb(trace)}, tmp_path / "zipped" / "pytorch_model.bin")
    for folder in ("plain", "zipped"):
        with pytest.raises(UserError, match=r"pytorch_model\.bin: not loadable as plain weights"):
            convert_pickles(tmp_path / folder)
    assert not trace.exists()


@pytest.mark.parametrize("content", [[1], {"a": 1}, {1: "x"}])
def test_what_is_no_state_dict_is_refused(content: Any, tmp_path: Path) -> None:
    import torch

    torch.save(content, tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match="not a state dict"):
        convert_pickles(tmp_path)


@pytest.mark.parametrize("cut", [0, 10, 400])
def test_a_damaged_pickle_is_the_users_error(cut: int, tmp_path: Path) -> None:
    import torch

    path = tmp_path / "pytorch_model.bin"
    torch.save({"a": torch.zeros(100)}, path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(UserError, match="not loadable as plain weights"):
        convert_pickles(tmp_path)


def test_nothing_to_convert_changes_nothing(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny("vit"), tmp_path / "vit"))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    convert_pickles(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert json.loads(before["config.json"])["model_type"] == "vit"
