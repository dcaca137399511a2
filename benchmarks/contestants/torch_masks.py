"""torch: `torch.nn.utils.prune`, as a user's script calls it, and N:M masks by `topk`."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.utils import prune


def global_unstructured(checkpoint: str, output: str, sparsities: list[float]) -> None:
    """Make each mask by one call on the dense weights."""
    Path(output).mkdir()
    tensors = _load(checkpoint)
    for sparsity in sparsities:
        modules = {name: _linear(weights) for name, weights in tensors.items()}
        parameters = [(module, "weight") for module in modules.values()]
        prune.global_unstructured(parameters, prune.L1Unstructured, amount=sparsity)
        masks = {name: module.get_buffer("weight_mask").bool() for name, module in modules.items()}
        torch.save(masks, Path(output) / f"{sparsity}.pt")


def topk(checkpoint: str, output: str, kept: int, size: int) -> None:
    """Keep the `kept` largest of every `size` consecutive weights of a row."""
    Path(output).mkdir()
    masks = {}
    for name, weights in _load(checkpoint).items():
        groups = weights.abs().view(-1, size)
        mask = torch.zeros_like(groups, dtype=torch.bool)
        mask.scatter_(1, groups.topk(kept, dim=1).indices, True)
        masks[name] = mask.view(weights.shape)
    torch.save(masks, Path(output) / f"{kept}of{size}.pt")


def _load(checkpoint: str) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = {}
    for file in sorted(Path(checkpoint).glob("*.safetensors")):
        tensors |= load_file(file)
    return tensors


def _linear(weights: torch.Tensor) -> nn.Linear:
    outputs, inputs = weights.shape
    module = nn.Linear(inputs, outputs, bias=False, device="meta")
    module.weight = nn.Parameter(weights, requires_grad=False)
    return module
