"""Checkpoints of a few weights, written with numpy alone: any values, types and shards."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

MODULES = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
)
_WIDTHS = {"F32": 4, "F16": 2, "BF16": 2, "F64": 8}

Bits = npt.NDArray[np.unsignedinteger]  # type: ignore[type-arg]


def names_of(count: int, prefix: str = "") -> list[str]:
    """Return the names of `count` matrices, six a layer, in matrix order."""
    assert count % len(MODULES) == 0
    return [
        f"{prefix}encoder.layer.{layer}.{module}.weight"
        for layer in range(count // len(MODULES))
        for module in MODULES
    ]


def to_bits(values: npt.ArrayLike, dtype: str) -> Bits:
    """Return the stored bits of values, rounded to `dtype` (bfloat16 by cutting)."""
    numbers = np.asarray(values, np.float32)
    if dtype == "F16":
        return numbers.astype(np.float16).view(np.uint16)
    if dtype == "F64":
        return numbers.astype(np.float64).view(np.uint64)
    bits = numbers.view(np.uint32)
    return bits if dtype == "F32" else (bits >> 16).astype(np.uint16)


def write_tensors(path: Path, tensors: dict[str, tuple[str, npt.NDArray[np.generic]]]) -> None:
    """Write a safetensors file of name → (type, array whose bytes are stored)."""
    header, start = {}, 0
    for name, (dtype, array) in tensors.items():
        end = start + array.nbytes
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [start, end]}
        start = end
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, array in tensors.values():
            file.write(np.ascontiguousarray(array).tobytes())


def write_checkpoint(
    folder: Path,
    matrices: Sequence[Bits],
    dtype: str | Sequence[str] = "F32",
    shards: int = 1,
    prefix: str = "",
) -> Path:
    """Write a BERT of these matrices (stored bits, in matrix order), over `shards` files."""
    folder.mkdir(parents=True, exist_ok=True)
    names = names_of(len(matrices), prefix)
    types = [dtype] * len(matrices) if isinstance(dtype, str) else list(dtype)
    tensors = {n: (t, m) for n, t, m in zip(names, types, matrices, strict=True)}
    tensors["embeddings.word_embeddings.weight"] = ("F32", np.ones((2, 2), np.float32))
    config = {"model_type": "bert", "num_hidden_layers": len(matrices) // len(MODULES)}
    (folder / "config.json").write_text(json.dumps(config))
    if shards == 1:
        write_tensors(folder / "model.safetensors", tensors)
        return folder
    # Dealt out like cards, so that neighbours lie in different files.
    place = {name: i % shards for i, name in enumerate(tensors)}
    files = [f"model-{i + 1:05d}-of-{shards:05d}.safetensors" for i in range(shards)]
    for index, file in enumerate(files):
        own = {name: tensor for name, tensor in tensors.items() if place[name] == index}
        write_tensors(folder / file, dict(reversed(own.items())))
    index_file = {"metadata": {}, "weight_map": {n: files[i] for n, i in place.items()}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index_file))
    return folder
