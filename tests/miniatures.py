"""Tiny but real things to run the project on: a BERT with its tokenizer, a task to learn."""

import json
import random
from pathlib import Path
from typing import Any

WORDS = [a + b for a in "bdfgklmnpr" for b in "aeiou"]
GOOD, BAD = WORDS[:10], WORDS[10:20]


def save_bert(
    folder: Path, seed: int = 0, layers: int = 2, hidden: int = 16, **changes: Any
) -> None:
    """Save a randomly initialised BERT of `layers` × `hidden`, and a word tokenizer."""
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(WORDS) + 4,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=2 * hidden,
        max_position_embeddings=64,
        **changes,
    )
    BertModel(config).save_pretrained(folder)
    save_tokenizer(folder)


def save_tokenizer(folder: Path) -> None:
    """Save a tokenizer that knows `WORDS` and marks two texts with token types."""
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    special = [
        {"id": i, "content": word, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": True}
        for word, i in vocabulary.items() if i < 4
    ]  # fmt: skip
    sequence = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "[SEP]", "type_id": 0}}]  # fmt: skip
    second = [{"Sequence": {"id": "B", "type_id": 1}},
              {"SpecialToken": {"id": "[SEP]", "type_id": 1}}]  # fmt: skip
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special,
        "normalizer": None, "pre_tokenizer": {"type": "Whitespace"}, "decoder": None,
        "post_processor": {
            "type": "TemplateProcessing", "single": sequence, "pair": sequence + second,
            "special_tokens": {
                name: {"id": name, "ids": [vocabulary[name]], "tokens": [name]}
                for name in ("[CLS]", "[SEP]")
            },
        },
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    }  # fmt: skip
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]", "unk_token": "[UNK]",
        "cls_token": "[CLS]", "sep_token": "[SEP]", "model_max_length": 64,
        "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def write_examples(folder: Path, train: int = 64, evaluation: int = 32, seed: int = 0) -> None:
    """Write `train.csv` and `evaluation.csv`: is a text of good words or of bad words?"""
    draw = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for name, count in (("train", train), ("evaluation", evaluation)):
        rows = ["text,label"]
        for index in range(count):
            words = draw.choices(GOOD if index % 2 else BAD, k=draw.randint(3, 12))
            words += draw.choices(WORDS[20:], k=draw.randint(0, 8))
            rows.append(f"{' '.join(words)},{'good' if index % 2 else 'bad'}")
        (folder / f"{name}.csv").write_text("\n".join(rows) + "\n")


def save_vit(
    folder: Path,
    seed: int = 0,
    layers: int = 2,
    hidden: int = 16,
    classes: int | None = None,
    processor: dict[str, Any] | None = None,
    **changes: Any,
) -> None:
    """Save a randomly initialised ViT for 16 × 16 images, and its image processor.

    With `classes` it has a head, as supervised checkpoints do. `processor` changes the processor's
    file, which is spelt as the oldest checkpoints spell theirs.
    """
    import torch
    from transformers import ViTConfig, ViTForImageClassification, ViTModel

    torch.manual_seed(seed)
    config = ViTConfig(
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=2 * hidden,
        image_size=16,
        patch_size=4,
        **({} if classes is None else {"num_labels": classes}),
        **changes,
    )
    if classes is None:
        ViTModel(config, add_pooling_layer=False).save_pretrained(folder)
    else:
        ViTForImageClassification(config).save_pretrained(folder)
    half = [0.5, 0.5, 0.5]
    settings = {
        "do_normalize": True, "do_resize": True, "size": 16, "image_mean": half, "image_std": half,
        **(processor or {}),
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
