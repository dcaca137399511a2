"""Tiny models of every architecture, as `save_pretrained` writes them, and a hub for them."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from loopback_hub import LoopbackHub

WIDTHS = {"num_hidden_layers": 2, "hidden_size": 8, "num_attention_heads": 2}

# architecture -> (configuration class, model class, settings)
MODELS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bert": (
        "BertConfig",
        "BertForPreTraining",
        {**WIDTHS, "intermediate_size": 16, "vocab_size": 10, "max_position_embeddings": 12},
    ),
    "opt": (
        "OPTConfig",
        "OPTForCausalLM",
        {**WIDTHS, "ffn_dim": 16, "vocab_size": 10, "word_embed_proj_dim": 4},
    ),
    "vit": (
        "ViTConfig",
        "ViTForImageClassification",
        {**WIDTHS, "intermediate_size": 16, "image_size": 8, "patch_size": 4},
    ),
    "llama": (
        "LlamaConfig",
        "LlamaForCausalLM",
        {**WIDTHS, "intermediate_size": 16, "vocab_size": 10, "num_key_value_heads": 1},
    ),
}


@functools.cache
def _build(architecture: str, folder: Path) -> Path:
    import torch
    import transformers

    config, model, settings = MODELS[architecture]
    torch.manual_seed(7)  # not a seed that a test draws with
    built = getattr(transformers, model)(getattr(transformers, config)(**settings))
    built.save_pretrained(folder / architecture)
    return folder / architecture


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return `architecture -> folder` of a tiny random model; the folders are for reading only."""
    folder = tmp_path_factory.mktemp("tiny")
    return lambda architecture: _build(architecture, folder)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """Return a hub of its own, empty so far, to which this process' client is pointed."""
    with LoopbackHub(tmp_path / "hub") as running:
        running.point(monkeypatch, tmp_path / "cache")
        yield running
