"""The allow list of a checkpoint's files."""

import pytest

from essential_sparsity.checkpoints.inventory import choose
from essential_sparsity.support.errors import UserError

OTHERS = [
    "README.md", "modeling_evil.py", "tf_model.h5", "flax_model.msgpack", "model.onnx",
    "onnx/model.safetensors", "training_args.bin", "rust_model.ot", "scheduler.pt",
]  # fmt: skip
SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
INDEX = "model.safetensors.index.json"


@pytest.mark.parametrize(
    ("weights", "chosen"),
    [
        (["model.safetensors", "pytorch_model.bin"], ["model.safetensors"]),
        (["model.safetensors", *SHARDS, INDEX], ["model.safetensors"]),
        ([*SHARDS, INDEX, "pytorch_model.bin"], [*SHARDS, INDEX]),
        (["pytorch_model.bin"], ["pytorch_model.bin"]),
        (
            ["pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json"],
            ["pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json"],
        ),
    ],
)
def test_only_the_best_weights_and_descriptions(weights: list[str], chosen: list[str]) -> None:
    names = [*OTHERS, *weights, "tokenizer.json", "config.json", "preprocessor_config.json"]
    expected = ["config.json", "preprocessor_config.json", "tokenizer.json", *chosen]
    assert choose(names) == expected  # the weights last


def test_there_must_be_a_configuration_and_weights() -> None:
    with pytest.raises(UserError, match=r"no config\.json"):
        choose(["model.safetensors"])
    with pytest.raises(UserError, match="no weights"):
        choose(["config.json", *OTHERS])
