"""Tiny models of every architecture, and the command run in this process."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from essential_sparsity.command.__main__ import dispatch
from miniatures import save_bert

# (configuration class, model class, settings, arguments of save_pretrained)
_MODELS: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "vit": (
        "ViTConfig",
        "ViTForImageClassification",
        {"num_hidden_layers": 2, "hidden_size": 16, "num_attention_heads": 2,
         "intermediate_size": 32, "image_size": 8, "patch_size": 4},
        {},
    ),
    "opt": (
        "OPTConfig",
        "OPTForCausalLM",
        {"num_hidden_layers": 2, "hidden_size": 16, "num_attention_heads": 2, "ffn_dim": 32,
         "vocab_size": 20, "word_embed_proj_dim": 8, "max_position_embeddings": 16},
        {},
    ),
    "llama": (
        "LlamaConfig",
        "LlamaForCausalLM",
        {"num_hidden_layers": 3, "hidden_size": 16, "num_attention_heads": 2, "vocab_size": 20,
         "intermediate_size": 24, "num_key_value_heads": 1},
        {"max_shard_size": "10KB"},
    ),
}  # fmt: skip


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with `bert`, `vit`, `opt` (tied head) and `llama` (bfloat16, two shards)."""
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("models")
    save_bert(folder / "bert")
    for name, (config, model, settings, saving) in _MODELS.items():
        torch.manual_seed(3)
        built = getattr(transformers, model)(getattr(transformers, config)(**settings))
        if name == "llama":
            built = built.to(torch.bfloat16)
        built.save_pretrained(folder / name, **saving)
    assert len(list((folder / "llama").glob("*.safetensors"))) == 2
    return folder


Run = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs `mask …` in this process and returns its standard output."""

    def call(*words: object) -> str:
        capsys.readouterr()
        dispatch(["mask", *map(str, words)])
        return capsys.readouterr().out

    return call


@pytest.fixture
def run_json(run: Run) -> Callable[..., dict[str, Any]]:
    """Return what runs `mask … --json` and returns the document."""
    return lambda *words: json.loads(run(*words, "--json"))
