"""The architectures: the right matrices, under every spelling, and never another one."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from checkpoints.conftest import tiny  # noqa: F401 - a fixture
from essential_sparsity.architectures import (
    check_pooler,
    find_architecture,
    known_architectures,
)
from essential_sparsity.architectures.architecture import Found, Place
from essential_sparsity.checkpoints.tensors import read_header
from essential_sparsity.support.errors import UserError
from published import PUBLISHED

BERT_LAYER = (
    "attention.self.query", "attention.self.key", "attention.self.value",
    "attention.output.dense", "intermediate.dense", "output.dense",
)  # fmt: skip


def bert_names(layers: int, prefix: str = "bert.") -> list[str]:
    return [
        f"{prefix}encoder.layer.{layer}.{module}.weight"
        for layer in range(layers)
        for module in BERT_LAYER
    ]


def shapes_of(names: list[str]) -> dict[str, tuple[int, ...]]:
    return dict.fromkeys(names, (4, 4))


def find(architecture: str, names: list[str], **more: Any) -> list[Found]:
    return known_architectures()[architecture].find(shapes_of(names), "f", **more)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_models_have_their_published_counts(name: str) -> None:
    published = PUBLISHED[name]
    model = published.build()
    shapes = {key: tuple(tensor.shape) for key, tensor in model.named_parameters()}
    architecture = find_architecture(model.config.model_type, name)
    found = architecture.find(shapes, name, model.config.to_dict(), published.pooler)
    assert len(found) == published.matrices
    assert sum(math.prod(shapes[matrix.name]) for matrix in found) == published.prunable
    assert sum(map(math.prod, shapes.values())) == published.parameters


@pytest.mark.parametrize("architecture", ["bert", "opt", "vit", "llama"])
def test_file_and_loaded_model_are_joined_by_place(
    architecture: str,
    tiny: Callable[[str], Path],  # noqa: F811
) -> None:
    import transformers

    header = read_header(tiny(architecture) / "model.safetensors")
    on_disk = {name: entry.shape for name, entry in header.items()}
    loaded: Any = transformers.AutoModel.from_pretrained(tiny(architecture))
    parameters = {name: tuple(value.shape) for name, value in loaded.named_parameters()}
    family = known_architectures()[architecture]
    stored = family.find(on_disk, "disk")
    in_memory = family.find(parameters, "memory")
    assert [matrix.place for matrix in stored] == [matrix.place for matrix in in_memory]
    for one, other in zip(stored, in_memory, strict=True):
        assert on_disk[one.name] == parameters[other.name]


@pytest.mark.parametrize("architecture", ["bert", "opt", "vit", "llama"])
def test_all_else_stays(
    architecture: str,
    tiny: Callable[[str], Path],  # noqa: F811
) -> None:
    header = read_header(tiny(architecture) / "model.safetensors")
    family = known_architectures()[architecture]
    shapes = {name: entry.shape for name, entry in header.items()}
    pruned = {matrix.name for matrix in family.find(shapes, "x")}
    for name, entry in header.items():
        in_layer = ".layer." in name or "layers." in name
        assert (name in pruned) == (in_layer and len(entry.shape) == 2), name
    assert "cls.predictions.transform.dense.weight" not in pruned
    assert len(pruned) == 2 * len(family.stacks[0].modules)


@pytest.mark.parametrize(
    ("architecture", "name"),
    [
        ("opt", "model.decoder.project_in.weight"),
        ("opt", "decoder.layers.0.fc1.bias"),
        ("bert", "bert.pooler.dense.weight"),
        ("bert", "encoder.layer.0.attention.output.LayerNorm.weight"),
        ("bert", "encoder.layer.0.crossattention.self.query.weight"),
        ("bert", "encoder.layer.0.attention.self.query.weight_mask"),
        ("llama", "lm_head.weight"),
        ("vit", "vit.embeddings.patch_embeddings.projection.weight"),
    ],
)
def test_names_that_are_never_pruned(architecture: str, name: str) -> None:
    assert list(known_architectures()[architecture].places(name)) == []


@pytest.mark.parametrize(
    "name",
    [
        "encoder.layer.11.attention.output.dense.weight",
        "vit.encoder.layer.11.attention.output.dense.weight",
        "vit.layers.11.attention.o_proj.weight",
        "_orig_mod.module.vit.layers.11.attention.o_proj.weight",
    ],
)
def test_spellings_of_one_place(name: str) -> None:
    place = Place(11, "attention_output", "attention")
    assert list(known_architectures()["vit"].places(name)) == [Found(name, place)]


def test_order_is_by_layer_then_registry_whatever_the_file_says() -> None:
    names = bert_names(12)
    assert [matrix.name for matrix in find("bert", sorted(names))] == names


def test_an_incomplete_layer_is_named() -> None:
    names = bert_names(3)
    names.remove("bert.encoder.layer.1.intermediate.dense.weight")
    with pytest.raises(UserError, match=r"f: incomplete: layer 1 of 3 lacks its feed_forward_in"):
        find("bert", names)


def test_a_missing_layer_is_named() -> None:
    names = [name for name in bert_names(3) if ".layer.1." not in name]
    with pytest.raises(UserError, match="layer 1 of 3 lacks its query"):
        find("bert", names)


def test_two_models_in_one_file_are_refused() -> None:
    names = bert_names(1) + bert_names(1, "discriminator.")
    with pytest.raises(UserError, match=r"'bert.encoder.*' and 'discriminator.encoder.*'"):
        find("bert", names)


def test_nothing_prunable_is_an_error() -> None:
    with pytest.raises(UserError, match="f: no prunable matrix of architecture 'opt'"):
        find("opt", bert_names(1))


@pytest.mark.parametrize("pooler", ["pooler.dense.weight", "module.bert.pooler.dense.weight"])
def test_a_pooler_that_is_pruned_comes_last(pooler: str) -> None:
    names = [pooler, *bert_names(3), "pooler.dense.bias", "bert.embeddings.LayerNorm.weight"]
    found = find("bert", names, pooler=True)
    assert [matrix.name for matrix in found] == [*bert_names(3), pooler]
    assert found[-1].place == Place(3, "pooler", "pooler")
    assert len(find("bert", names)) == 18


def test_names_of_prunable_matrices_say_whether_the_pooler_is_one() -> None:
    assert len(find("bert", [*bert_names(1), "bert.pooler.dense.weight"], pooler=None)) == 7
    assert len(find("bert", bert_names(1), pooler=None)) == 6
    assert known_architectures()["vit"].is_pooler("vit.pooler.dense.weight") is False


@pytest.mark.parametrize(
    ("poolers", "message"),
    [
        ([], r"f: incomplete: lacks the pooler \('pooler.dense.weight'\)"),
        (["a.pooler.dense.weight", "b.pooler.dense.weight"], "'a.*' and 'b.*' are both the pooler"),
    ],
)
def test_not_one_pooler_is_an_error(poolers: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        find("bert", bert_names(1) + poolers, pooler=True)


@pytest.mark.parametrize("architecture", ["opt", "vit", "llama"])
def test_architectures_without_a_pooler_say_so(architecture: str) -> None:
    with pytest.raises(UserError) as caught:
        check_pooler(architecture, "config.json")
    assert str(caught.value) == (
        f"config.json: model_type: '{architecture}' has no pooler to prune, as "
        "'prune_pooler: true' in the model's catalog entry asks for (has one: bert)"
    )


@pytest.mark.parametrize("value", ["berd", None, 3, ["zzz"]])
def test_an_unknown_architecture_says_what_is_known_and_how_to_add(value: object) -> None:
    with pytest.raises(UserError) as caught:
        find_architecture(value, "config.json")
    line = str(caught.value)
    assert f"config.json: model_type: unknown architecture {value!r}" in line
    assert "bert, llama, opt, vit" in line
    assert "add a file to essential_sparsity/architectures" in line
    assert ("did you mean 'bert'" in line) == (value == "berd")
