"""Checkpoints of any size that cost little to make: normal weights, each matrix of its own scale.

They stand for pre-trained models in what masks depend on, shapes, types and ties, and in nothing
else. `python -m benchmarks.synthetic NAME FOLDER` writes one, in little memory.
"""

import json
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from essential_sparsity.architectures import find_architecture
from essential_sparsity.architectures.architecture import Module
from essential_sparsity.checkpoints.tensors import FORMATS, Bits

_SHARD = 2_000_000_000  # bytes, at most
_BLOCK = 1 << 22  # weights drawn for a matrix; a larger one repeats them


@dataclass(frozen=True)
class Model:
    """An architecture's shapes: `layers` of square and of `hidden` × `inner` matrices."""

    architecture: str
    label: str
    layers: int
    hidden: int
    inner: int
    dtype: str

    def matrices(self) -> Iterator[tuple[str, tuple[int, int], float]]:
        """Yield name, shape and standard deviation of every prunable matrix."""
        (stack,) = find_architecture(self.architecture, self.label).stacks
        for layer in range(self.layers):
            for place, module in enumerate(stack.modules):
                name = f"{stack.names[0]}.{layer}.{module.spellings[0]}.weight"
                scale = 0.02 * (1 + layer / self.layers) * (1 + 0.1 * place)
                yield name, self._shape(module), scale

    def _shape(self, module: Module) -> tuple[int, int]:
        if module.part == "attention":
            return self.hidden, self.hidden
        if module.name == "feed_forward_out":
            return self.hidden, self.inner
        return self.inner, self.hidden

    @property
    def weights(self) -> int:
        """The number of weights."""
        return sum(math.prod(shape) for _, shape, _ in self.matrices())

    @property
    def bytes(self) -> int:
        """The bytes they take."""
        return self.weights * FORMATS[self.dtype].bits // 8


MODELS = {
    "minilm-l6": Model("bert", "MiniLM-L6", 6, 384, 1536, "F32"),
    "bert-base": Model("bert", "BERT-base", 12, 768, 3072, "F32"),
    "opt-1.3b": Model("opt", "OPT-1.3B", 24, 2048, 8192, "F16"),
    "llama-7b": Model("llama", "LLaMA-7B", 32, 4096, 11008, "BF16"),
    "miniature": Model("bert", "miniature BERT", 2, 64, 256, "F32"),
}


def write_checkpoint(model: Model, folder: Path) -> None:
    """Write the model as `save_pretrained` would: shards with an index if it is large.

    No more than a few blocks are in memory at a time.
    """
    folder.mkdir(parents=True)
    config = {"model_type": model.architecture, "num_hidden_layers": model.layers}
    (folder / "config.json").write_text(json.dumps(config))
    shards = _split(model)
    places: dict[str, str] = {}
    for number, shard in enumerate(shards, 1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        if len(shards) == 1:
            file = "model.safetensors"
        _write_shard(model, shard, folder / file)
        places |= {name: file for name, _, _ in shard}
    if len(shards) > 1:
        index = json.dumps({"metadata": {"total_size": model.bytes}, "weight_map": places})
        (folder / "model.safetensors.index.json").write_text(index)


_Shard = list[tuple[str, tuple[int, int], float]]


def _split(model: Model) -> list[_Shard]:
    shards: list[_Shard] = [[]]
    filled = 0
    for name, shape, scale in model.matrices():
        size = math.prod(shape) * FORMATS[model.dtype].bits // 8
        if filled + size > _SHARD:
            shards.append([])
            filled = 0
        shards[-1].append((name, shape, scale))
        filled += size
    return shards


def _write_shard(model: Model, shard: _Shard, path: Path) -> None:
    header, start = {}, 0
    for name, shape, _ in shard:
        end = start + math.prod(shape) * FORMATS[model.dtype].bits // 8
        header[name] = {"dtype": model.dtype, "shape": shape, "data_offsets": [start, end]}
        start = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, shape, scale in shard:
            draw = np.random.default_rng([*name.encode()])
            size = math.prod(shape)
            values = draw.standard_normal(min(size, _BLOCK), np.float32) * np.float32(scale)
            block = _store(values, model.dtype)
            for first in range(0, size, block.size):
                file.write(block[: size - first].data)


def _store(values: npt.NDArray[np.float32], dtype: str) -> Bits:
    """Return the numbers' bits, rounded to the nearest number of the type."""
    if dtype == "F16":
        return values.astype(np.float16).view(np.uint16)
    bits = values.view(np.uint32)
    if dtype == "F32":
        return bits
    # To the nearest, ties to even: half of what is cut off, or just less, carries over.
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


if __name__ == "__main__":
    write_checkpoint(MODELS[sys.argv[1]], Path(sys.argv[2]))
