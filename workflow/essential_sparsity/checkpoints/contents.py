"""The files of a repository, package or folder that make up a checkpoint: an allow list.

All others (code, other frameworks' weights, pickles beside safetensors) are left out.
"""

import re
from collections.abc import Iterable

from essential_sparsity.support.errors import UserError

CONFIG = "config.json"

_DESCRIPTION = {
    CONFIG, "generation_config.json", "preprocessor_config.json", "processor_config.json",
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.txt", "vocab.json", "merges.txt", "tokenizer.model", "spiece.model",
    "sentencepiece.bpe.model", "chat_template.jinja",
}  # fmt: skip

# In order of preference. A whole file goes before the same weights in parts.
_WEIGHTS = (
    re.compile(r"model\.safetensors"),
    re.compile(r"model(-\d+-of-\d+\.safetensors|\.safetensors\.index\.json)"),
    re.compile(r"pytorch_model\.bin"),
    re.compile(r"pytorch_model(-\d+-of-\d+\.bin|\.bin\.index\.json)"),
)


def choose(names: Iterable[str]) -> list[str]:
    """Return which of the files at hand make up the checkpoint, the weights last."""
    available = sorted(set(names))
    if CONFIG not in available:
        raise UserError(f"there is no {CONFIG}")
    for pattern in _WEIGHTS:
        if weights := [name for name in available if pattern.fullmatch(name)]:
            return [name for name in available if name in _DESCRIPTION] + weights
    raise UserError("there are no weights: neither model.safetensors nor pytorch_model.bin")
