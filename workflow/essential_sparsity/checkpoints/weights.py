"""Weights as safetensors: written, or converted from pickles without running these."""

import json
import pickle
import zipfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from essential_sparsity.checkpoints.inventory import INDEX
from essential_sparsity.support.errors import UserError, one_line
from essential_sparsity.support.files import BLANK, KEY, seal, umask

if TYPE_CHECKING:
    import torch


def write_weights(path: Path, state: "dict[str, torch.Tensor]", sealed: bool = False) -> None:
    """Write contiguous tensors that share no memory to `path`.

    They are marked as torch's for transformers, or else `sealed`, where no manifest has the
    file's digest: the library writes more than one mark in an order of chance.
    """
    # Imported here: whoever only fetches weights does without torch, which takes seconds to load.
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(state, path, metadata={KEY: BLANK} if sealed else {"format": "pt"})
    except SafetensorError as error:
        raise UserError(f"{path}: cannot be written: {one_line(error)}") from None
    # The library makes files that only their owner can read.
    path.chmod(0o666 & ~umask())
    if sealed:
        seal(path)


def convert_pickles(folder: Path) -> None:
    """Replace every `pytorch_model*.bin` in `folder` by safetensors; do nothing if there is none.

    Tensors that share their storage in full (a tied head) are kept once, under the first name: the
    embedding's, as a state dict lists a model's modules in order. Files are mapped, not read, where
    their format allows that (PyTorch 1.6 and later), one after the other.
    """
    pickles = sorted(folder.glob("pytorch_model*.bin"))
    if not pickles:
        return
    parts = {}
    for path in pickles:
        state = _without_aliases(_load(path))
        target = path.name.replace("pytorch_model", "model").replace(".bin", ".safetensors")
        write_weights(folder / target, state)
        parts.update(dict.fromkeys(state, target))
        path.unlink()
    index = folder / "pytorch_model.bin.index.json"
    if index.exists():
        index.unlink()
        document = {"metadata": {}, "weight_map": parts}
        (folder / INDEX).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _load(path: Path) -> "dict[str, torch.Tensor]":
    # Imported here: most checkpoints need no conversion, and torch takes seconds to load.
    import torch

    try:
        state = torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise UserError(f"{path}: not loadable as plain weights: {one_line(error)[:160]}") from None
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(tensor, torch.Tensor) for name, tensor in state.items()
    ):
        raise UserError(f"{path}: not a state dict: it must map names to tensors")
    return dict(state)


def _without_aliases(state: "dict[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    """Return the tensors with storage of their own, each stretch of memory under one name."""
    users = Counter(tensor.untyped_storage().data_ptr() for tensor in state.values())
    seen: set[tuple[object, ...]] = set()
    kept: dict[str, torch.Tensor] = {}
    for name, tensor in state.items():
        memory = (tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride())
        if tensor.numel() and memory in seen:
            continue
        seen.add(memory)
        # A copy only of what shares its storage: a large model's weights barely fit once.
        shared = users[tensor.untyped_storage().data_ptr()] > 1
        kept[name] = (tensor.detach().clone() if shared else tensor.detach()).contiguous()
    return kept
