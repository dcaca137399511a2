"""Texts become tokens, with the tokenizer that came with the checkpoint."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from transformers import AutoTokenizer, BatchEncoding

from essential_sparsity.support.errors import UserError, one_line
from essential_sparsity.support.files import read_json
from essential_sparsity.tasks.columns import texts_of
from essential_sparsity.tasks.examples import Built
from essential_sparsity.tasks.manifest import tokenizer_digest
from essential_sparsity.tasks.source import SPLITS, Source

# Settings by which a tokenizer would read a file of any place, instead of the checkpoint's.
_FILES = ("vocab_file", "merges_file", "tokenizer_file", "spm_file", "added_tokens_file", "vocab")

# transformers gives this length to tokenizers that state no limit of their own.
_NO_LIMIT = 1_000_000

_FIELD_SEPARATOR = " ␞ "


class Tokenizer:
    """A checkpoint's tokenizer for one maximum length: cuts what is longer, pads nothing."""

    def __init__(self, checkpoint: Path, max_length: int) -> None:
        # Loaded from files only; no code that a checkpoint may carry is run.
        self.sha256 = tokenizer_digest(checkpoint)
        _check_settings(checkpoint)
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(
                checkpoint, local_files_only=True, trust_remote_code=False
            )
        except Exception as error:  # what its files can say wrong has no end
            raise UserError(
                f"{checkpoint}: its tokenizer cannot be loaded: {one_line(error)[:200]}"
            ) from None
        limit = self._tokenizer.model_max_length
        if not isinstance(limit, int | float):
            raise UserError(
                f"{checkpoint}: model_max_length of its tokenizer: {limit!r}: no number"
            )
        if limit < _NO_LIMIT and max_length > limit:
            raise UserError(
                f"max_length: {max_length} is more than the {limit} tokens that the tokenizer of"
                f" {checkpoint} allows"
            )
        self._max_length = max_length
        # Padding is never attended to, so that any token serves a tokenizer that has none for it.
        candidates = (self._tokenizer.pad_token_id, self._tokenizer.eos_token_id)
        pad = next((token for token in candidates if token is not None), None)
        if pad is None:
            raise UserError(f"{checkpoint}: its tokenizer has neither a padding nor an end token")
        self.pad_token_id = int(pad)

    def encode(self, texts: tuple[list[str], ...]) -> BatchEncoding:
        """Return `input_ids`, and `token_type_ids` if this tokenizer has them, a list an example.

        `texts` is one list, or two of equal length for pairs, whose longer text is cut first.
        """
        # Said outright, because a tokenizer's file may carry settings of its own for both.
        arguments: dict[str, Any] = {
            "padding": False,
            "truncation": "longest_first",
            "max_length": self._max_length,
            "return_attention_mask": False,
        }
        encoded: BatchEncoding = self._tokenizer(*texts, **arguments)
        return encoded

    def lengths(self, texts: list[str]) -> list[int]:
        """Return the texts' numbers of tokens, uncut, without what marks beginning and end."""
        encoded = self._tokenizer(
            texts, add_special_tokens=False, padding=False, truncation=False, verbose=False
        )
        return [len(tokens) for tokens in encoded["input_ids"]]

    def room(self, taken: int) -> int:
        """Return how many tokens of a second text fit beside `taken` ones of a first."""
        added = self._tokenizer.num_special_tokens_to_add(pair=True)
        return self._max_length - taken - int(added)

    def windows(self, first: list[str], second: list[str], stride: int) -> BatchEncoding:
        """Return each pair as one encoding or more: all of the first text, a piece of the second.

        Neighbouring pieces share `stride` tokens. `overflow_to_sample_mapping` says which pair an
        encoding is of, `offset_mapping` where in its text a token lies, in characters.
        `room(lengths(first))` must be more than `stride`.
        """
        encoded: BatchEncoding = self._tokenizer(
            first,
            second,
            padding=False,
            truncation="only_second",
            max_length=self._max_length,
            stride=stride,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_attention_mask=False,
        )
        return encoded


def _check_settings(checkpoint: Path) -> None:
    """Check that no setting names a file outside the checkpoint that is there.

    Many published ones name a file of their author's machine, which is not there: that is no harm.
    """
    path = checkpoint / "tokenizer_config.json"
    settings = read_json(path, "tokenizer configuration") if path.is_file() else {}
    for key in _FILES:
        value = settings.get(key)
        there = isinstance(value, str) and value and os.path.lexists(value)
        if there and Path(str(value)).resolve().parent != checkpoint.resolve():
            raise UserError(f"{path}: {key}: '{value}' is a file outside the checkpoint")


def build_texts(
    source: Source,
    max_length: int,
    checkpoint: Path,
    fields: tuple[str, ...],
    targets: Mapping[str, Any],
    labels: tuple[str, ...] = (),
) -> Built:
    """Tokenise the columns `fields`, one or two, of both splits; `targets` are labels by split."""
    tokenizer = Tokenizer(checkpoint, max_length)
    tables = {}
    for split in SPLITS:
        texts = tuple(texts_of(source, split, "fields", field) for field in fields)
        columns = {
            "id": source.splits[split].column("id").cast(pa.string()),
            **token_columns(tokenizer.encode(texts)),
            "label": pa.array(targets[split]),
        }
        if split == "evaluation":
            joined = [_FIELD_SEPARATOR.join(parts) for parts in zip(*texts, strict=True)]
            columns["text"] = pa.array(joined, pa.string())
        tables[split] = pa.table(columns)
    facts = {
        "fields": list(fields),
        "pad_token_id": tokenizer.pad_token_id,
        "tokens": length_summary(tables),
    }
    return Built(tables, tokenizer.sha256, labels, facts)


def token_columns(encoded: BatchEncoding) -> dict[str, pa.Array]:
    """Return the columns `input_ids`, and `token_type_ids` if the tokenizer has them."""
    columns = {"input_ids": pa.array(encoded["input_ids"], pa.list_(pa.int32()))}
    if "token_type_ids" in encoded:
        columns["token_type_ids"] = pa.array(encoded["token_type_ids"], pa.list_(pa.int8()))
    return columns


def length_summary(tables: dict[str, pa.Table]) -> dict[str, dict[str, float]]:
    """Return mean, 95th percentile and maximum of the examples' numbers of tokens, by split."""
    found = {}
    for split, table in tables.items():
        lengths = np.sort([len(tokens) for tokens in table.column("input_ids").to_pylist()])
        found[split] = {
            "mean": round(float(lengths.mean()), 2),
            "p95": int(lengths[int(0.95 * (len(lengths) - 1))]),
            "max": int(lengths[-1]),
        }
    return found
