"""Mistakes of every kind: one line that names them, and nothing half-written."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from essential_sparsity.masks.mask import Mask
from essential_sparsity.support.errors import UserError, one_line

HALF = "magnitude-global-s0.50.safetensors"


@dataclass
class Place:
    """A folder with models to spoil, and masks of BERT and of ViT."""

    root: Path
    run: Callable[..., str]

    def __truediv__(self, name: str) -> Path:
        return self.root / name


@pytest.fixture
def place(
    models: Path, tmp_path: Path, run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> Place:
    monkeypatch.chdir(tmp_path)
    for name in ("bert", "vit", "llama"):
        shutil.copytree(models / name, tmp_path / name)
    for name in ("bert", "vit"):
        run("compute", name, "--output", f"of-{name}", "--sparsity", 0.5)
    return Place(tmp_path, run)


def set_config(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def lose_shard(place: Place) -> None:
    max((place / "llama").glob("*.safetensors")).unlink()


def truncate_shard(place: Place) -> None:
    shard = max((place / "llama").glob("*.safetensors"))
    shard.write_bytes(shard.read_bytes()[:-4])


def forget_layers(place: Place) -> None:
    from safetensors.numpy import load_file, save_file

    weights = load_file(place / "bert" / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if "encoder" not in name}
    save_file(kept, place / "bert" / "model.safetensors")


def spoil_weight(place: Place) -> None:
    path = place / "bert" / "model.safetensors"
    from essential_sparsity.checkpoints.tensors import read_header

    offset = read_header(path)["encoder.layer.1.output.dense.weight"].offset
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\x00\x00\xc0\x7f")


def cut_mask(place: Place) -> None:
    path = place / "of-bert" / HALF
    path.write_bytes(path.read_bytes()[:-3])


def reshape_mask(place: Place) -> None:
    mask = Mask.load(place / "of-bert" / HALF)
    keeps = {name: mask.keep(name) for name in mask.matrices}
    name = "encoder.layer.1.attention.self.key.weight"
    keeps[name] = keeps[name][:8]
    Mask.build(keeps, {"criterion": "magnitude"}, architecture="bert", checkpoint="0" * 64).save(
        place / "of-bert" / HALF
    )


def nothing(place: Place) -> None:
    pass


def unknown_type(place: Place) -> None:
    set_config(place / "bert", model_type="reformer")


def block_output(place: Place) -> None:
    (place / "out").write_text("a file")


COMPUTE = "compute bert --output out"
APPLY = f"apply of-bert/{HALF} bert --output out"

MISTAKES = [
    (f"{COMPUTE} --sparsity 1.0", nothing, "sparsity: a sparsity lies in [0, 1), 1.0 does not"),
    (f"{COMPUTE} --sparsity -0.1", nothing, "sparsity: a sparsity lies in [0, 1), -0.1 does not"),
    (f"{COMPUTE} --sparsity half", nothing, "sparsity: input should be a valid number"),
    (f"{COMPUTE} --sparsity nan", nothing, "sparsity: a sparsity lies in [0, 1)"),
    (f"{COMPUTE} --pattern 4:4", nothing, "pattern: a pattern is N:M with 1 ≤ N < M"),
    (f"{COMPUTE} --pattern 5:4", nothing, "pattern: a pattern is N:M with 1 ≤ N < M"),
    (f"{COMPUTE} --pattern 1:7", nothing, "its rows have 16 weights, which is no multiple of 7"),
    (COMPUTE, nothing, "how much is removed? state a sparsity or a pattern"),
    (f"{COMPUTE} --sparsity 0.5 --scope matrix", nothing, "scope: input should be 'global', "),
    (f"{COMPUTE} --sparsity 0.5 --pattern 2:4 --scope row", nothing, "a pattern has no scope"),
    (f"{COMPUTE} --sparsity 0.5 --scope matched", nothing, "scope 'matched' and the key 'like'"),
    (f"{COMPUTE} --scope matched --like none", nothing, "none: no such mask file"),
    (f"{COMPUTE} --scope matched --like of-vit/{HALF}", nothing, "is a mask of another model"),
    (f"{COMPUTE} --scope matched --like of-bert/{HALF} --sparsity 0.5", nothing, "--like: the"),
    (f"{COMPUTE} --criterion magnitud --sparsity 0.5", nothing, "did you mean 'magnitude'?"),
    (f"{COMPUTE} --criterion imported", nothing, "is a subcommand of its own: mask import"),
    (f"{COMPUTE} --criterion ticket", nothing, "'ticket' is found by training: name it in a study"),
    (f"{COMPUTE} --criterion random --sparsity 0.5 --seed -1", nothing, "seed: input should be"),
    (f"{COMPUTE} --sparsity 0.5 --seed 1", nothing, "seed: unknown key"),
    (f"{COMPUTE} --sparsity 0.5 --option seed", nothing, "--option: 'seed' is not KEY=VALUE"),
    (f"{COMPUTE} --sparsity 0.5 --threads 0", nothing, "--threads: at least 1, not 0"),
    (f"{COMPUTE} --sparsity 0.5 --threads x", nothing, "--threads: invalid int value: 'x'"),
    (f"{COMPUTE} --sparsities 0.5", nothing, "--sparsities 0.5; did you mean '--sparsity'?"),
    ("compute bert --sparsity 0.5", nothing, "required: --output (see: essential-sparsity mask"),
    (
        f"{COMPUTE} --criterion noisy-magnitude --sparsity 0.5 --norms none.json",
        nothing,
        "norms: none.json: no such file",
    ),
    (
        f"{COMPUTE} --criterion random --sparsity 0.5 --histogram h.safetensors",
        nothing,
        "--histogram: counts magnitudes, which 'random' does not use",
    ),
    (f"{COMPUTE} --sparsity 0.5 --histogram of-bert/{HALF}", nothing, "not a whole histogram"),
    (f"{COMPUTE} --sparsity 0.5", unknown_type, "unknown architecture 'reformer' (known: bert, "),
    (f"{COMPUTE} --sparsity 0.5", unknown_type, "to add one, add a file to essential_sparsity"),
    (f"{COMPUTE} --sparsity 0.5", forget_layers, "no prunable matrix of architecture 'bert'"),
    (f"{COMPUTE} --sparsity 0.5", spoil_weight, "weight [0, 0] is not a number"),
    (f"{COMPUTE} --pattern 2:4", spoil_weight, "weight [0, 0] is not a number"),
    (f"{COMPUTE} --sparsity 0.5", block_output, "out: no folder can be made here: there is a file"),
    ("compute bert --output bert/config.json/out --sparsity 0.5", nothing, "no folder can be made"),
    ("compute bert --output /proc/out --sparsity 0.5", nothing, "/proc/out: no folder can be made"),
    ("compute llama --output out --sparsity 0.5", lose_shard, "of-00002.safetensors', which is no"),
    ("compute llama --output out --sparsity 0.5", truncate_shard, "not a whole safetensors file"),
    ("compute of-bert --output out --sparsity 0.5", nothing, "not a checkpoint's folder: there is"),
    ("show none.safetensors", nothing, "none.safetensors: no such mask file"),
    ("show bert/model.safetensors", nothing, "holds no mask metadata"),
    ("show bert", nothing, "bert: "),
    (f"show of-bert/{HALF}", cut_mask, "s0.50.safetensors: damaged: its sha256 is not"),
    (f"compare of-bert/{HALF} of-vit/{HALF}", nothing, "is a mask of another model than"),
    (f"compare of-bert/{HALF}", nothing, "one mask alone; two or more can be compared"),
    (f"apply of-vit/{HALF} bert --output out", nothing, "is a mask of another checkpoint"),
    (
        f"apply of-vit/{HALF} bert --output out --any-checkpoint",
        nothing,
        "is a mask of a vit model, bert is bert",
    ),
    (
        f"{APPLY} --any-checkpoint",
        reshape_mask,
        "layer 1's key is [8, 16], in bert [16, 16]",
    ),
    (APPLY, cut_mask, "s0.50.safetensors: damaged: its sha256 is not"),
    (APPLY, block_output, "out: is a file; a folder is to be written there"),
    (f"apply of-bert/{HALF} bert --output bert/config.json/out", nothing, "no folder can be made"),
    ("import none --checkpoint bert --output out.safetensors", nothing, "none: no such file"),
    (
        "import vit/model.safetensors --checkpoint bert --output out.safetensors",
        nothing,
        "vit/model.safetensors: ",
    ),
    (
        "import llama --checkpoint llama --output out.safetensors",
        nothing,
        "llama/model.safetensors: no such file; of a model in several parts, none is read",
    ),
    (
        "import bert --checkpoint bert --output out.bin",
        nothing,
        "out.bin: a mask's file ends in .safetensors",
    ),
    (
        "import bert --checkpoint bert --output out.safetensors --name A/B",
        nothing,
        "mask import: --name: mask: a name has lower-case letters",
    ),
]


@pytest.mark.parametrize(("words", "spoil", "said"), MISTAKES)
def test_a_mistake_is_named_and_nothing_is_written(
    words: str, spoil: Callable[[Place], None], said: str, place: Place
) -> None:
    spoil(place)
    before = sorted(place.root.rglob("*"))
    with pytest.raises(UserError) as caught:
        place.run(*words.split())
    assert said in one_line(caught.value)
    assert "got {" not in str(caught.value)
    # The file may be the user's own: to delete it is no advice, unless a study made it.
    assert "delete" not in str(caught.value).replace("if a study made it, delete it", "")
    assert sorted(place.root.rglob("*")) == before
