"""`mask apply`: a checkpoint that transformers loads, pruned by the mask and else untouched."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from essential_sparsity.architectures import known_architectures
from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.checkpoints.tensors import read_header
from essential_sparsity.masks.mask import Mask
from essential_sparsity.support.errors import UserError
from miniatures import save_bert

CLASSES = {
    "bert": "BertModel",
    "vit": "ViTForImageClassification",
    "opt": "OPTForCausalLM",
    "llama": "LlamaForCausalLM",
}
MASK = "magnitude-global-s0.50.safetensors"


def load(architecture: str, folder: Path) -> Any:
    import transformers

    return getattr(transformers, CLASSES[architecture]).from_pretrained(folder, dtype="auto")


@pytest.mark.parametrize("architecture", list(CLASSES))
def test_from_pretrained_gives_the_masked_weights(
    architecture: str, models: Path, tmp_path: Path, run: Callable[..., str]
) -> None:
    import torch

    folder = models / architecture
    run("compute", folder, "--output", tmp_path, "--sparsity", 0.5)
    run("apply", tmp_path / MASK, folder, "--output", tmp_path / "pruned")
    mask = Mask.load(tmp_path / MASK)

    def place(name: str) -> Any:
        return next((f.place for f in known_architectures()[architecture].places(name)), None)

    keeps = {place(name): mask.keep(name) for name in mask.matrices}
    before, after = load(architecture, folder), load(architecture, tmp_path / "pruned")
    old, new = before.state_dict(), after.state_dict()
    assert old.keys() == new.keys()
    seen = 0
    for name, weights in old.items():
        assert new[name].dtype == weights.dtype
        expected = weights
        if place(name) in keeps:
            keep = torch.from_numpy(keeps[place(name)])
            expected = torch.where(keep, weights, torch.zeros_like(weights))
            # Not even the sign of a removed weight is left.
            assert not torch.signbit(new[name][~keep]).any()
            assert (~keep).sum() > 0
            seen += 1
        assert torch.equal(new[name], expected), name
    assert seen == len(keeps)
    if architecture == "opt":
        head, embeddings = after.get_output_embeddings(), after.get_input_embeddings()
        assert head.weight.data_ptr() == embeddings.weight.data_ptr()


@pytest.mark.parametrize("architecture", ["bert", "llama"])
def test_every_other_byte_stays(
    architecture: str, models: Path, tmp_path: Path, run: Callable[..., str]
) -> None:
    folder, pruned = models / architecture, tmp_path / "pruned"
    run("compute", folder, "--output", tmp_path, "--sparsity", 0.5)
    run("apply", tmp_path / MASK, folder, "--output", pruned)
    assert {path.name for path in pruned.iterdir()} == {
        *(path.name for path in folder.iterdir()),
        "pruned.json",
    }
    mask = Mask.load(tmp_path / MASK)
    for path in folder.iterdir():
        old = np.fromfile(path, np.uint8)
        new = np.fromfile(pruned / path.name, np.uint8)
        expected = old.copy()
        if path.suffix == ".safetensors":
            for name, entry in read_header(path).items():
                if name in mask.matrices:
                    width = {"F32": 4, "BF16": 2}[entry.dtype]
                    span = expected[entry.offset : entry.offset + entry.size * width]
                    span.reshape(-1, width)[~mask.keep(name).ravel()] = 0
        assert np.array_equal(new, expected), path.name
    record = json.loads((pruned / "pruned.json").read_text())
    assert (record["removed"], record["mask"]) == (mask.header.removed, "magnitude-global-s0.50")


def test_tensors_may_lie_in_any_order(
    models: Path, tmp_path: Path, run: Callable[..., str]
) -> None:
    """In a file whose bytes are ordered the other way round than its matrices."""
    folder, pruned = tmp_path / "model", tmp_path / "pruned"
    shutil.copytree(models / "bert", folder)
    content = (folder / "model.safetensors").read_bytes()
    entries = read_header(folder / "model.safetensors")
    header: dict[str, Any] = {}
    data = b""
    for name, entry in reversed(entries.items()):
        span = [len(data), len(data) + 4 * entry.size]
        header[name] = {"dtype": "F32", "shape": list(entry.shape), "data_offsets": span}
        data += content[entry.offset : entry.offset + 4 * entry.size]
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
    run("compute", folder, "--output", tmp_path, "--sparsity", 0.5)
    run("apply", tmp_path / MASK, folder, "--output", pruned)
    mask, old, new = (
        Mask.load(tmp_path / MASK),
        Checkpoint.survey(folder),
        Checkpoint.survey(pruned),
    )
    for matrix in old.matrices:
        expected = np.where(mask.keep(matrix.name), old.tensor(matrix).bits, 0)
        assert np.array_equal(new.tensor(matrix).bits, expected)


@pytest.fixture
def fine_tuned(tmp_path: Path) -> Path:
    """The same architecture with other weights, under names with the prefix `bert.`"""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    save_bert(tmp_path / "base", seed=5)
    torch.manual_seed(5)
    config = BertConfig.from_pretrained(tmp_path / "base")
    BertForSequenceClassification(config).save_pretrained(tmp_path / "tuned")
    return tmp_path / "tuned"


def test_a_mask_of_another_checkpoint_is_taken_only_if_asked_for(
    models: Path, fine_tuned: Path, tmp_path: Path, run: Callable[..., str]
) -> None:
    run("compute", models / "bert", "--output", tmp_path, "--sparsity", 0.5)
    words = ["apply", tmp_path / MASK, fine_tuned, "--output", tmp_path / "pruned"]
    with pytest.raises(UserError, match="is a mask of another checkpoint"):
        run(*words)
    assert not (tmp_path / "pruned").exists()
    run(*words, "--any-checkpoint")
    mask = Mask.load(tmp_path / MASK)
    old, new = Checkpoint.survey(fine_tuned), Checkpoint.survey(tmp_path / "pruned")
    for matrix in new.matrices:
        keep = mask.keep(matrix.name.removeprefix("bert."))
        expected = np.where(keep, old.tensor(matrix).bits, 0)
        assert np.array_equal(new.tensor(matrix).bits, expected)


def test_what_a_folder_holds_is_not_lost_unasked(
    models: Path, tmp_path: Path, run: Callable[..., str]
) -> None:
    folder, pruned = models / "bert", tmp_path / "pruned"
    run("compute", folder, "--output", tmp_path, "--sparsity", 0.2, 0.5)
    words = ["apply", tmp_path / MASK, folder, "--output", pruned]
    run(*words)
    run("apply", tmp_path / "magnitude-global-s0.20.safetensors", folder, "--output", pruned)
    assert json.loads((pruned / "pruned.json").read_text())["mask"] == "magnitude-global-s0.20"
    (pruned / "scores.csv").write_text("mine")
    with pytest.raises(UserError, match=r"pruned: is not empty, .*--force deletes"):
        run(*words)
    assert (pruned / "scores.csv").read_text() == "mine"
    run(*words, "--force")
    assert not (pruned / "scores.csv").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(UserError, match="is not empty"):
        run("apply", tmp_path / MASK, folder, "--output", tmp_path / "mine")


@pytest.mark.parametrize("output", ["model", ".", "masks"])
def test_what_is_read_is_never_replaced(
    output: str, tmp_path: Path, run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save_bert(tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    run("compute", "model", "--output", "masks", "--sparsity", 0.5)
    with pytest.raises(UserError, match="would be replaced"):
        run("apply", f"masks/{MASK}", "model", "--output", output, "--force")
    Checkpoint.survey(Path("model"))


def test_a_failure_leaves_the_output_as_it_was(
    models: Path, tmp_path: Path, run: Callable[..., str]
) -> None:
    folder, pruned = models / "bert", tmp_path / "out" / "pruned"
    run("compute", folder, "--output", tmp_path, "--sparsity", 0.5)
    mask = tmp_path / MASK
    content = mask.read_bytes()
    last = content[-1]
    mask.write_bytes(content[:-1] + bytes([last ^ 1]))
    with pytest.raises(UserError, match="damaged: its sha256 is not"):
        run("apply", mask, folder, "--output", pruned)
    assert not (tmp_path / "out").exists()
    mask.write_bytes(content)
    run("apply", mask, folder, "--output", pruned)
    mask.write_bytes(content[:-1] + bytes([last ^ 1]))
    with pytest.raises(UserError, match="damaged: its sha256 is not"):
        run("apply", mask, folder, "--output", pruned)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["pruned"]
    Checkpoint.survey(pruned)
