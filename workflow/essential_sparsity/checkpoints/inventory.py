"""The inventory of a checkpoint: its files, prunable matrices in their order, and parameters."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from essential_sparsity.architectures import check_pooler, find_architecture
from essential_sparsity.architectures.architecture import Found
from essential_sparsity.checkpoints.manifest import FORMAT_VERSION, Matrix, Parameters, Prunable
from essential_sparsity.checkpoints.tensors import FORMATS, Entry, map_tensor, read_header
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import read_json

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"

# All other files (code, other frameworks' weights, pickles beside safetensors) are left out.
_DESCRIPTION = {
    CONFIG, "generation_config.json", "preprocessor_config.json", "processor_config.json",
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.txt", "vocab.json", "merges.txt", "tokenizer.model", "spiece.model",
    "sentencepiece.bpe.model", "chat_template.jinja",
}  # fmt: skip

# In order of preference. A whole file goes before the same weights in parts.
_CHOICES = (
    re.compile(r"model\.safetensors"),
    re.compile(r"model(-\d+-of-\d+\.safetensors|\.safetensors\.index\.json)"),
    re.compile(r"pytorch_model\.bin"),
    re.compile(r"pytorch_model(-\d+-of-\d+\.bin|\.bin\.index\.json)"),
)

# Constants that old checkpoints carry along: numbers in a state dict, but no parameters.
_BUFFER = re.compile(r"(?:.*\.)?(?:rotary_emb\.inv_freq|attn\.masked_bias|position_ids)")


def choose(names: Iterable[str]) -> list[str]:
    """Return which of the files at hand make up the checkpoint, the weights last."""
    available = sorted(set(names))
    if CONFIG not in available:
        raise UserError(f"there is no {CONFIG}")
    for pattern in _CHOICES:
        if weights := [name for name in available if pattern.fullmatch(name)]:
            return [name for name in available if name in _DESCRIPTION] + weights
    raise UserError("there are no weights: neither model.safetensors nor pytorch_model.bin")


@dataclass(frozen=True)
class Inventory:
    """A checkpoint's architecture, prunable matrices and number of parameters."""

    architecture: str
    prunable: Prunable
    parameters: Parameters

    def document(self, source: dict[str, Any], files: dict[str, str]) -> dict[str, Any]:
        """Return the content of the manifest of a checkpoint with these files, as plain data."""
        return {
            "format_version": FORMAT_VERSION,
            "architecture": self.architecture,
            "source": source,
            "files": files,
            "prunable": self.prunable.model_dump(mode="json"),
            "parameters": self.parameters.model_dump(mode="json"),
        }


def take_inventory(folder: Path, prune_pooler: bool = False) -> Inventory:
    """Read the configuration and the headers of the weights in `folder`."""
    path = folder / CONFIG
    config = read_json(path, "model configuration")
    _check_plain(config, path)
    model_type = config.get("model_type")
    architecture = find_architecture(model_type, str(path))
    if prune_pooler:
        check_pooler(str(model_type), str(path))
    tensors = _tensors(folder)
    shapes = {name: entry.shape for name, (_, entry) in tensors.items()}
    where = str(folder / WEIGHTS)
    found = architecture.find(shapes, where, config, prune_pooler)
    matrices = tuple(_matrix(one, *tensors[one.tensor], folder) for one in found)
    architecture.check_layers(found, config, where)
    return Inventory(
        architecture=str(model_type),
        prunable=Prunable(count=sum(matrix.size for matrix in matrices), matrices=matrices),
        parameters=Parameters(count=_count_parameters(folder, tensors, matrices)),
    )


def _check_plain(config: dict[str, object], path: Path) -> None:
    """Check that the configuration names no code: transformers would fetch kernels from a hub."""
    for key, value in config.items():
        if key.endswith("_implementation") and value not in (None, "eager", "sdpa"):
            raise UserError(
                f"{path}: {key}: {value!r} asks for code that is not transformers' own; allowed "
                "are eager and sdpa: take it out, or take another revision"
            )
    if config.get("quantization_config") is not None:
        raise UserError(f"{path}: quantization_config: quantised weights cannot be pruned here")


def _tensors(folder: Path) -> dict[str, tuple[str, Entry]]:
    """Return every tensor's file and header entry, of one weights file or of an index's parts."""
    found: dict[str, tuple[str, Entry]] = {}
    for file in _weight_files(folder):
        for name, entry in read_header(folder / file).items():
            if name in found:
                raise UserError(f"{folder / file}: '{name}' is in {found[name][0]} as well")
            found[name] = (file, entry)
    return found


def _weight_files(folder: Path) -> list[str]:
    if (folder / WEIGHTS).is_file() or not (folder / INDEX).is_file():
        return [WEIGHTS]
    parts = read_json(folder / INDEX, "weights index").get("weight_map")
    if not isinstance(parts, dict) or not parts:
        raise UserError(f"{folder / INDEX}: weight_map: must map tensors to files")
    files = sorted({json.dumps(file) for file in parts.values()})
    for file in map(json.loads, files):
        if not isinstance(file, str) or Path(file).name != file or not (folder / file).is_file():
            raise UserError(f"{folder / INDEX}: weight_map: names {file!r}, which is not there")
    return [json.loads(file) for file in files]


def _matrix(found: Found, file: str, entry: Entry, folder: Path) -> Matrix:
    shape = found.shape(entry.shape)
    if len(shape) != 2 or not entry.size or entry.dtype not in FORMATS:
        raise UserError(
            f"{folder / file}: '{found.tensor}' is {entry.dtype} {list(entry.shape)}; a prunable "
            f"matrix has two dimensions and one of the types {', '.join(FORMATS)}"
        )
    return Matrix(
        name=found.name,
        shape=shape,
        dtype=entry.dtype,
        file=file,
        layer=found.place.layer,
        module=found.place.module,
        part=found.place.part,
        layout=found.layout,
    )


def _count_parameters(
    folder: Path, tensors: dict[str, tuple[str, Entry]], matrices: tuple[Matrix, ...]
) -> int:
    """Count every floating-point parameter once, also where a tied head is stored a second time."""
    prunable = {matrix.tensor for matrix in matrices}
    kept: list[tuple[str, str, Entry]] = []
    count = 0
    for name, (file, entry) in tensors.items():
        if entry.dtype not in FORMATS or _BUFFER.fullmatch(name):
            continue
        if len(entry.shape) == 2 and name not in prunable:
            if any(_equal(folder, (name, file, entry), other) for other in kept):
                continue
            kept.append((name, file, entry))
        count += entry.size
    return count


def _equal(folder: Path, *tensors: tuple[str, str, Entry]) -> bool:
    """Tell whether two tensors have the same type, shape and bits."""
    if len({(entry.dtype, entry.shape) for _, _, entry in tensors}) > 1:
        return False
    first, second = (map_tensor(folder / file, name, entry).bits for name, file, entry in tensors)
    return bool(np.array_equal(first, second))
