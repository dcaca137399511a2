"""Tiny models of every architecture, stored as the hub's repositories of the real ones are.

Random weights, real configuration classes and real tokenizers. What makes the real ones hard to
use is kept: pickles, half precision, parts, tied heads, old names, missing heads and poolers.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from miniatures import WORDS

WIDTH = 16
LAYERS = 2
POSITIONS = 64
IMAGE = 8
PICKLE = "pytorch_model.bin"
_LETTERS = sorted(set("".join(WORDS)))


def save_bert_repository(folder: Path) -> None:
    """Save a BERT as Google's: a pre-training head, LayerNorm's old names, a plain vocabulary."""
    from safetensors.torch import save_file
    from transformers import BertConfig, BertForPreTraining

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = [*special, *WORDS, *_LETTERS, *(f"##{letter}" for letter in _LETTERS)]
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        intermediate_size=2 * WIDTH,
        max_position_embeddings=POSITIONS,
    )
    state = _save_config(config, BertForPreTraining, folder)
    for new, old in (("weight", "gamma"), ("bias", "beta")):
        state = {k.replace(f"LayerNorm.{new}", f"LayerNorm.{old}"): v for k, v in state.items()}
    del state["cls.predictions.decoder.weight"], state["cls.predictions.decoder.bias"]  # tied
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    settings = {"do_lower_case": True, "model_max_length": POSITIONS}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def save_opt_repository(folder: Path, **changes: Any) -> None:
    """Save an OPT as Meta's: a pickle in half precision, a byte-pair vocabulary and its merges."""
    import torch
    from transformers import OPTConfig, OPTForCausalLM

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    size = _save_byte_pairs(folder, special)
    options = {"word_embed_proj_dim": WIDTH, **changes}
    config = OPTConfig(
        vocab_size=size + 3,  # the real ones have more embeddings than tokens, too
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        ffn_dim=2 * WIDTH,
        max_position_embeddings=POSITIONS,
        **options,
    )
    state = _save_config(config, OPTForCausalLM, folder)
    torch.save({name: tensor.half() for name, tensor in state.items()}, folder / PICKLE)
    tokens = {"bos_token": "</s>", "eos_token": "</s>", "unk_token": "</s>", "pad_token": "<pad>"}
    settings = {"tokenizer_class": "GPT2Tokenizer", "add_bos_token": True, **tokens}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def save_opt_350m_repository(folder: Path) -> None:
    """Save an OPT that differs from its sisters as OPT-350M does: narrow embeddings, late norms."""
    save_opt_repository(folder, word_embed_proj_dim=WIDTH // 2, do_layer_norm_before=False)


def save_vit_repository(folder: Path) -> None:
    """Save a ViT as Google's of ImageNet-21k: a pooler, no head."""
    _save_vit("ViTModel", folder)
    _save_image_processor(folder, [0.5, 0.5, 0.5])


def save_deit_repository(folder: Path) -> None:
    """Save a ViT as DeiT's of ImageNet-1k: a head for other classes than a task's."""
    _save_vit("ViTForImageClassification", folder, num_labels=5)
    _save_image_processor(folder, [0.485, 0.456, 0.406], image_processor_type="ViTImageProcessor")


def save_dino_repository(folder: Path) -> None:
    """Save a ViT as DINO's: a pickle, neither head nor pooler."""
    import torch
    from safetensors.torch import load_file

    _save_vit("ViTModel", folder)
    weights = folder / "model.safetensors"
    state = load_file(weights)
    weights.unlink()
    kept = {name: tensor for name, tensor in state.items() if not name.startswith("pooler.")}
    assert len(kept) < len(state)
    torch.save(kept, folder / PICKLE)
    _save_image_processor(folder, [0.485, 0.456, 0.406])


def save_llama_repository(folder: Path) -> None:
    """Save a LLaMA: pickled parts in half precision, rotary buffers, no padding token."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    size = _save_byte_pairs(folder, ["<unk>", "<s>", "</s>"], whole=True)
    config = LlamaConfig(
        vocab_size=size,
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        num_key_value_heads=1,
        intermediate_size=3 * WIDTH,
        max_position_embeddings=POSITIONS,
        pad_token_id=None,
    )
    state = _save_config(config, LlamaForCausalLM, folder)
    halves = {name: tensor.half() for name, tensor in state.items()}
    for layer in range(LAYERS):
        halves[f"model.layers.{layer}.self_attn.rotary_emb.inv_freq"] = torch.ones(4)
    names = sorted(halves)
    place = {}
    for number, part in enumerate((names[::2], names[1::2]), 1):
        file = f"pytorch_model-{number:05}-of-00002.bin"
        torch.save({name: halves[name] for name in part}, folder / file)
        place |= dict.fromkeys(part, file)
    index = {"metadata": {}, "weight_map": place}
    (folder / f"{PICKLE}.index.json").write_text(json.dumps(index))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>",
        "bos_token": "<s>", "eos_token": "</s>",
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


# Repository of the hub → what saves it.
TEXT_REPOSITORIES: dict[str, Callable[[Path], None]] = {
    "mini/bert": save_bert_repository,
    "mini/opt": save_opt_repository,
    "mini/opt-350m": save_opt_350m_repository,
    "mini/llama": save_llama_repository,
}
IMAGE_REPOSITORIES: dict[str, Callable[[Path], None]] = {
    "mini/vit": save_vit_repository,
    "mini/deit": save_deit_repository,
    "mini/dino": save_dino_repository,
}
REPOSITORIES = TEXT_REPOSITORIES | IMAGE_REPOSITORIES


def _save_vit(model: str, folder: Path, **changes: Any) -> None:
    import transformers

    config = transformers.ViTConfig(
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        intermediate_size=2 * WIDTH,
        image_size=IMAGE,
        patch_size=IMAGE // 2,
        **changes,
    )
    # Writes the names that version 4 had, which all of the hub's files have.
    _build(config, getattr(transformers, model)).save_pretrained(folder)


def _build(config: Any, model: Any) -> Any:
    """Return a model whose every parameter is random."""
    import torch

    torch.manual_seed(7)  # not a seed that a test draws with
    built = model(config)
    with torch.no_grad():
        for parameter in built.parameters():
            # Also LayerNorm's and biases: a loader that leaves them out must not go unnoticed.
            parameter.add_(torch.randn_like(parameter) / 4)
    return built


def _save_config(config: Any, model: Any, folder: Path) -> dict[str, Any]:
    """Save the configuration; return the state of a model, tied tensors under both names."""
    folder.mkdir(parents=True, exist_ok=True)
    config.architectures = [model.__name__]
    config.save_pretrained(folder)
    return dict(_build(config, model).state_dict())


def _save_image_processor(folder: Path, mean: list[float], **more: Any) -> None:
    settings = {
        "do_normalize": True, "do_resize": True, "image_mean": mean, "image_std": [0.5, 0.5, 0.5],
        "size": IMAGE, **more,
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))


def _save_byte_pairs(folder: Path, special: list[str], whole: bool = False) -> int:
    """Train and save a byte-pair tokenizer; return its size.

    With `whole`, all of it goes into `tokenizer.json`, texts beginning with `<s>`; else its two
    vocabulary files are all there is.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=340,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([" ".join(WORDS)] * 4, trainer)
    folder.mkdir(parents=True, exist_ok=True)
    if whole:
        start = ("<s>", tokenizer.token_to_id("<s>"))
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A <s> $B", special_tokens=[start]
        )
        tokenizer.save(str(folder / "tokenizer.json"))
    else:
        tokenizer.model.save(str(folder))
    return int(tokenizer.get_vocab_size())
