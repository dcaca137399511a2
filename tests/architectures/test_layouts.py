"""Tensors that hold several matrices, or their transposes: made-up families, end to end."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from essential_sparsity import architectures
from essential_sparsity.architectures.architecture import (
    Architecture,
    Config,
    Layout,
    Module,
    Stack,
    Tensor,
    attention,
    feed_forward,
)
from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.checkpoints.manifest import Manifest
from essential_sparsity.masks.computation import compute_masks
from essential_sparsity.masks.criteria.imported import Imported
from essential_sparsity.masks.criteria.magnitude import Magnitude
from essential_sparsity.masks.criterion import Inputs, Ranking
from essential_sparsity.masks.keys import Values
from essential_sparsity.masks.mask import Mask, load_header
from essential_sparsity.masks.pruned import match_matrices, write_pruned
from essential_sparsity.support.errors import UserError

HEADS, HIDDEN, INNER, EXPERTS = 2, 8, 16, 3


def _heads(config: Config) -> int:
    return int(config["num_attention_heads"])


def _grouped(config: Config) -> tuple[int, ...]:
    return config["num_attention_heads"], config["kv_heads"], config["kv_heads"]


# As GPT-2: every matrix is stored as (in, out), query, key and value in one tensor.
TRANSPOSED = Architecture(
    ("transposed",),
    (
        Stack(
            ("h",),
            attention("", "", "", "") + feed_forward(feed_forward_in="", feed_forward_out=""),
            (
                Tensor("attn.c_attn", ("query", "key", "value"), transposed=True),
                Tensor("attn.c_proj", ("attention_output",), transposed=True),
                Tensor("mlp.c_fc", ("feed_forward_in",), transposed=True),
                Tensor("mlp.c_proj", ("feed_forward_out",), transposed=True),
            ),
            layers="n_layer",
        ),
    ),
)
# As GPT-NeoX: every head has its query, key and value one behind the other.
INTERLEAVED = Architecture(
    ("interleaved",),
    (
        Stack(
            ("layers",),
            attention("", "", "", "dense"),
            (Tensor("query_key_value", ("query", "key", "value"), blocks=_heads),),
        ),
    ),
)
# As Phi-3: fewer keys and values than queries, in one tensor; gates and inputs in another.
GROUPED = Architecture(
    ("grouped",),
    (
        Stack(
            ("layers",),
            attention("", "", "", "o_proj")
            + feed_forward(feed_forward_gate="", feed_forward_in="", feed_forward_out="down_proj"),
            (
                Tensor("qkv_proj", ("query", "key", "value"), shares=_grouped),
                Tensor("gate_up_proj", ("feed_forward_gate", "feed_forward_in")),
            ),
        ),
    ),
)
# Experts: 2-D each on disk, in memory 3-D, gates and inputs in one; the first layer has none.
_EXPERT = ("feed_forward_gate", "feed_forward_in", "feed_forward_out")
MIXTURE = Architecture(
    ("mixture",),
    (
        Stack(
            ("layers",),
            (
                Module("mixing", "attention", ("mixing",)),
                Module("dense_in", "feed_forward", ("mlp.up_proj",), optional=True),
                *(
                    Module(name, "feed_forward", (f"experts.{{expert}}.w{i}",), experts=True)
                    for i, name in enumerate(_EXPERT)
                ),
            ),
            (
                Tensor("experts.gate_up_proj", ("feed_forward_gate", "feed_forward_in")),
                Tensor("experts.down_proj", ("feed_forward_out",)),
            ),
        ),
    ),
)
# As T5: an encoder's layers, then a decoder's, which attend to the encoder too.
TWO_STACKS = Architecture(
    ("two-stacks",),
    (
        Stack(("encoder.block",), (Module("query", "attention", ("self.q",)),)),
        Stack(
            ("decoder.block",),
            (
                Module("query", "attention", ("self.q",)),
                Module("cross_query", "attention", ("cross.q",)),
            ),
            layers="num_decoder_layers",
        ),
    ),
)
FAMILIES = (TRANSPOSED, INTERLEAVED, GROUPED, MIXTURE, TWO_STACKS)

CONFIG = {
    "num_attention_heads": HEADS, "kv_heads": 1, "num_hidden_layers": 2, "n_layer": 2,
    "num_decoder_layers": 1,
}  # fmt: skip
# A family's tensors below a layer, as they are stored.
SHAPES: dict[str, dict[str, tuple[int, ...]]] = {
    "transposed": {
        "attn.c_attn.weight": (HIDDEN, 3 * HIDDEN),
        "attn.c_proj.weight": (HIDDEN, HIDDEN),
        "mlp.c_fc.weight": (HIDDEN, INNER),
        "mlp.c_proj.weight": (INNER, HIDDEN),
    },
    "interleaved": {"query_key_value.weight": (3 * HIDDEN, HIDDEN), "dense.weight": (8, 8)},
    "grouped": {
        "qkv_proj.weight": (2 * HIDDEN, HIDDEN),
        "o_proj.weight": (HIDDEN, HIDDEN),
        "gate_up_proj.weight": (2 * INNER, HIDDEN),
        "down_proj.weight": (HIDDEN, INNER),
    },
}


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {family.name: family for family in FAMILIES} | architectures.known_architectures()
    monkeypatch.setattr(architectures, "known_architectures", lambda: found)


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Return `save(model_type, shapes)`, which writes a checkpoint of these tensors."""

    def save_one(model_type: str, shapes: dict[str, tuple[int, ...]] | None = None) -> Path:
        if shapes is None:
            stack = next(f for f in FAMILIES if f.name == model_type).stacks[0].names[0]
            below = SHAPES[model_type]
            shapes = {f"{stack}.{n}.{name}": s for n in range(2) for name, s in below.items()}
        draw = np.random.default_rng(0)
        tensors = {n: draw.standard_normal(s).astype(np.float32) for n, s in shapes.items()}
        tensors["embeddings.weight"] = np.ones((4, HIDDEN), np.float32)
        folder = tmp_path / model_type
        folder.mkdir()
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        (folder / "config.json").write_text(json.dumps({"model_type": model_type, **CONFIG}))
        return folder

    return save_one


def matrices_of(folder: Path) -> dict[str, np.ndarray]:
    """Return every prunable matrix as (out, in), spelled out by hand from the stored tensors."""
    found: dict[str, np.ndarray] = {}
    for name, tensor in load_file(folder / "model.safetensors").items():
        if "c_attn" in name:
            parts = np.split(tensor.T, 3)
        elif "query_key_value" in name:
            heads = tensor.reshape(HEADS, 3, HIDDEN // HEADS, HIDDEN)
            parts = [heads[:, i].reshape(HIDDEN, HIDDEN) for i in range(3)]
        elif "qkv_proj" in name:
            parts = np.split(tensor, [HIDDEN, HIDDEN + HIDDEN // 2])
        elif "gate_up_proj" in name:
            parts = np.split(tensor, 2)
        elif name != "embeddings.weight":
            found[name] = tensor.T if folder.name == "transposed" else tensor
            continue
        else:
            continue
        names = ("query", "key", "value") if len(parts) == 3 else _EXPERT[:2]
        found |= {f"{name}:{n}": part for n, part in zip(names, parts, strict=True)}
    return found


@pytest.mark.parametrize("model_type", list(SHAPES))
def test_matrices_are_read_as_outputs_by_inputs(save: Callable[..., Path], model_type: str) -> None:
    folder = save(model_type)
    expected = matrices_of(folder)
    with Checkpoint.survey(folder) as checkpoint:
        assert {matrix.name for matrix in checkpoint.matrices} == set(expected)
        for matrix in checkpoint.matrices:
            assert matrix.shape == expected[matrix.name].shape
            assert (checkpoint.tensor(matrix).values() == expected[matrix.name]).all()
            read = checkpoint.rows(matrix)
            for rows in ((0, matrix.shape[0]), (1, 3), (2, 4)):
                values = read(*rows).view(np.float32)
                assert (values == expected[matrix.name][slice(*rows)]).all()
        # Every stored weight is one of one matrix.
        weights = sum(m.size for m in expected.values())
        assert checkpoint.manifest.prunable_count == weights
        assert checkpoint.manifest.parameter_count == weights + 4 * HIDDEN
        document = json.loads(json.dumps(checkpoint.manifest.model_dump(mode="json")))
        assert Manifest.model_validate(document) == checkpoint.manifest


class ByInput(Ranking):
    """Keeps the weights of the last inputs."""

    criterion: str = "by-input"

    def score(self, matrix: Any, weights: Values, inputs: Inputs) -> Values:
        return np.broadcast_to(np.arange(weights.shape[1], dtype=np.float32), weights.shape)


@pytest.mark.parametrize("model_type", list(SHAPES))
@pytest.mark.parametrize(
    "spec",
    [
        Magnitude(sparsity=0.5),
        Magnitude(pattern="2:4"),
        Magnitude(sparsity=0.5, scope="row"),
        Magnitude(sparsity=0.25, scope="layer"),
        ByInput(sparsity=0.25, scope="row"),
    ],
    ids=lambda spec: spec.name,
)
def test_masks_are_those_of_the_matrices(
    save: Callable[..., Path], tmp_path: Path, model_type: str, spec: Ranking
) -> None:
    folder = save(model_type)
    expected = matrices_of(folder)
    path = tmp_path / "mask.safetensors"
    with Checkpoint.survey(folder) as checkpoint:
        compute_masks(checkpoint, {path: spec})
    mask = Mask.load(path)
    keeps = {name: mask.keep(name) for name in mask.matrices}
    assert {name: keep.shape for name, keep in keeps.items()} == {
        name: matrix.shape for name, matrix in expected.items()
    }
    for name, keep in keeps.items():
        size = np.abs(expected[name])
        if spec.pattern:
            # The two largest of every four neighbours along the inputs.
            assert (keep.reshape(-1, 4).sum(1) == 2).all()
            kept = np.where(keep, size, np.inf).reshape(-1, 4).min(1)
            assert (kept >= np.where(keep, 0, size).reshape(-1, 4).max(1)).all()
        elif isinstance(spec, ByInput):
            assert (keep == (np.arange(keep.shape[1]) >= keep.shape[1] // 4)).all()
        elif spec.scope == "row":
            assert (keep.sum(1) == keep.shape[1] // 2).all()
        elif spec.scope == "layer":
            assert keep.sum() == 3 * keep.size // 4
    if spec.scope == "global" and not spec.pattern:
        lowest = min(np.abs(expected[name])[keep].min() for name, keep in keeps.items())
        assert lowest > max(np.abs(expected[name])[~keep].max() for name, keep in keeps.items())


@pytest.mark.parametrize("model_type", list(SHAPES))
def test_a_mask_is_applied_where_it_belongs_and_found_again(
    save: Callable[..., Path], tmp_path: Path, model_type: str
) -> None:
    folder, path = save(model_type), tmp_path / "mask.safetensors"
    before = matrices_of(folder)
    with Checkpoint.survey(folder) as checkpoint:
        compute_masks(checkpoint, {path: Magnitude(pattern="2:4")})
        names = match_matrices(path, load_header(path), checkpoint)
        pruned = tmp_path / "pruned" / model_type
        write_pruned(checkpoint, path, load_header(path), names, pruned)
        mask = Mask.load(path)
        for name, after in matrices_of(pruned).items():
            assert (after == np.where(mask.keep(name), before[name], 0)).all()
        again = tmp_path / "again.safetensors"
        spec = Imported(mask="mine", file=str(pruned / "model.safetensors"))
        compute_masks(checkpoint, {again: spec})
    assert all((Mask.load(again).keep(n) == mask.keep(n)).all() for n in mask.matrices)


@pytest.mark.parametrize(
    "layout",
    [
        Layout("t", rows=(2, 2, 6)),
        Layout("t", transposed=True, rows=(0, 4, 12)),
        Layout("t", index=1, transposed=True, rows=(1, 1, 2)),
    ],
)
def test_a_view_writes_into_its_tensor_in_numpy_and_torch(layout: Layout) -> None:
    shape = (12, 12) if layout.index is None else (2, 12, 12)
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    tensor = torch.from_numpy(array.copy())
    own = layout.view(array).reshape(layout.shape(shape))
    assert (layout.view(tensor).reshape(layout.shape(shape)).numpy() == own).all()
    whole = array if layout.index is None else array[layout.index]
    whole = whole.T if layout.transposed else whole
    start, length, step = layout.rows or (0, 0, 1)
    rows = [row for row in range(12) if start <= row % step < start + length]
    assert (own == whole[rows]).all()
    layout.view(array)[...] = -1
    layout.view(tensor)[...] = -1
    assert (array == tensor.numpy()).all()
    assert (array == -1).sum() == own.size


def test_a_transposed_model_trains_with_its_mask_held(tmp_path: Path) -> None:
    from transformers import GPT2Config, GPT2ForSequenceClassification, GPT2Model

    from essential_sparsity.runs.model import HeldMask, match_parameters

    family = replace(TRANSPOSED, model_types=("gpt2",))
    architectures.known_architectures()["gpt2"] = family
    torch.manual_seed(0)
    config = GPT2Config(
        n_embd=HIDDEN, n_layer=2, n_head=2, n_inner=INNER, n_positions=8, vocab_size=10,
        pad_token_id=0,
    )  # fmt: skip
    GPT2Model(config).save_pretrained(tmp_path / "gpt2")
    path = tmp_path / "mask.safetensors"
    with Checkpoint.survey(tmp_path / "gpt2") as checkpoint:
        compute_masks(checkpoint, {path: Magnitude(pattern="2:4")})
        manifest = checkpoint.manifest
        stored = {m.name: checkpoint.tensor(m).values() for m in manifest.matrices}
    model: Any = GPT2ForSequenceClassification.from_pretrained(tmp_path / "gpt2", num_labels=2)
    weights = match_parameters(model, manifest)
    assert {w.matrix.name for w in weights} == set(stored)
    assert all((w.values.numpy() == stored[w.matrix.name]).all() for w in weights)
    mask = Mask.load(path)
    held = HeldMask(mask, weights)
    before = {w.matrix.name: w.values.clone() for w in weights}
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        ids = torch.randint(1, 10, (4, 8))
        model(input_ids=ids, labels=torch.tensor([0, 1, 0, 1])).loss.backward()
        held.mask_gradients()
        held.check_gradients()
        optimizer.step()
    held.check_weights()
    held.check_moments(optimizer)
    for weight in weights:
        keep = torch.from_numpy(mask.keep(weight.matrix.name))
        assert (weight.values[~keep] == 0).all()
        assert (weight.values != before[weight.matrix.name])[keep].float().mean() > 0.9
        # What is kept is two of every four weights that one output has of its inputs.
        assert (keep.reshape(-1, 4).sum(1) == 2).all()
        at = weight.matrix.layout
        assert at is not None
        assert at.transposed
        whole = model.state_dict()[f"transformer.{at.tensor}"].T
        rows = whole if at.rows is None else whole[at.rows[0] : at.rows[0] + at.rows[1]]
        assert torch.equal(rows, weight.values)


def names_of(shapes: dict[str, tuple[int, ...]], model_type: str) -> list[tuple[int, str]]:
    architecture = architectures.find_architecture(model_type, "f")
    return [(m.place.layer, m.place.module) for m in architecture.find(shapes, "f", CONFIG)]


def test_experts_on_disk_and_in_memory_are_the_same_matrices(save: Callable[..., Path]) -> None:
    disk: dict[str, tuple[int, ...]] = {
        "layers.0.mixing.weight": (HIDDEN, HIDDEN),
        "layers.1.mixing.weight": (HIDDEN, HIDDEN),
        "layers.0.mlp.up_proj.weight": (INNER, HIDDEN),
        **{
            f"layers.1.experts.{expert}.w{i}.weight": shape
            for expert in range(EXPERTS)
            for i, shape in enumerate([(INNER, HIDDEN), (INNER, HIDDEN), (HIDDEN, INNER)])
        },
    }
    memory = {name: shape for name, shape in disk.items() if "experts" not in name} | {
        "layers.1.experts.gate_up_proj": (EXPERTS, 2 * INNER, HIDDEN),
        "layers.1.experts.down_proj": (EXPERTS, HIDDEN, INNER),
    }
    assert (
        names_of(disk, "mixture")
        == names_of(memory, "mixture")
        == [
            (0, "mixing"),
            (0, "dense_in"),
            (1, "mixing"),
            *((1, f"{name}[{expert}]") for name in _EXPERT for expert in range(EXPERTS)),
        ]
    )
    found = MIXTURE.find(memory, "f", CONFIG)
    assert found[-1].name == "layers.1.experts.down_proj[2]"
    assert found[-4].name == "layers.1.experts.gate_up_proj[2]:feed_forward_in"
    assert found[-4].layout == Layout(
        "layers.1.experts.gate_up_proj", 2, rows=(INNER, INNER, 2 * INNER)
    )
    # Public names are found as the matrices that they are.
    shapes = {m.name: m.shape(memory[m.tensor]) for m in found}
    again = MIXTURE.find(shapes, "f")
    assert [(m.name, m.place) for m in again] == [(m.name, m.place) for m in found]
    with Checkpoint.survey(save("mixture", memory)) as checkpoint:
        stored = load_file(checkpoint.folder / "model.safetensors")
        matrix = next(m for m in checkpoint.matrices if m.name == found[-4].name)
        expected = stored["layers.1.experts.gate_up_proj"][2, INNER:]
        assert (checkpoint.tensor(matrix).values() == expected).all()
    del disk["layers.1.experts.1.w2.weight"]
    with pytest.raises(UserError, match=r"layer 1 of 2 lacks its feed_forward_out\[1\]"):
        names_of(disk, "mixture")
    with pytest.raises(UserError, match="that of all experts has three dimensions"):
        names_of(memory | {"layers.1.experts.down_proj": (HIDDEN, INNER)}, "mixture")


def test_layers_of_two_stacks_are_numbered_through(save: Callable[..., Path]) -> None:
    shapes = {
        "decoder.block.0.cross.q.weight": (4, 4),
        "decoder.block.0.self.q.weight": (4, 4),
        **{f"encoder.block.{layer}.self.q.weight": (4, 4) for layer in range(2)},
    }
    expected = [(0, "query"), (1, "query"), (2, "query"), (2, "cross_query")]
    assert names_of(shapes, "two-stacks") == expected
    with Checkpoint.survey(save("two-stacks", shapes)) as checkpoint:
        assert [(m.layer, m.module) for m in checkpoint.matrices] == expected
    found = TWO_STACKS.find(shapes, "f")
    TWO_STACKS.check_layers(found, CONFIG, "f")
    with pytest.raises(UserError, match=r"the weights have 1 layers, .* num_decoder_layers: 3"):
        TWO_STACKS.check_layers(found, CONFIG | {"num_decoder_layers": 3}, "f")


def test_outputs_that_cannot_be_shared_out_are_named() -> None:
    with pytest.raises(UserError, match=r"'layers.0.q.*': 25 outputs are not 2 block\(s\) of"):
        INTERLEAVED.find({"layers.0.query_key_value.weight": (25, 8)}, "f", CONFIG)


def test_families_do_not_share_a_model_type(monkeypatch: pytest.MonkeyPatch) -> None:
    from essential_sparsity.architectures import bert, vit

    monkeypatch.setattr(vit, "ARCHITECTURE", replace(vit.ARCHITECTURE, model_types=("bert",)))
    assert bert.ARCHITECTURE.name == "bert"
    monkeypatch.undo()
    architectures.known_architectures.cache_clear()
    monkeypatch.setattr(vit, "ARCHITECTURE", replace(vit.ARCHITECTURE, model_types=("bert",)))
    with pytest.raises(TypeError, match="model_type 'bert' is another module's as well"):
        architectures.known_architectures()
    architectures.known_architectures.cache_clear()
