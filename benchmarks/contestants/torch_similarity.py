"""torch: the cosine of two masks as float tensors."""

from itertools import islice, pairwise
from pathlib import Path

import torch

from essential_sparsity.masks.mask import Mask


def convert(masks: list[str], outputs: list[str]) -> None:
    """Save masks of ours as one boolean tensor each."""
    for source, output in zip(masks, outputs, strict=True):
        mask = Mask.load(Path(source))
        keeps = [torch.from_numpy(mask.keep(name)).flatten() for name in mask.matrices]
        torch.save(torch.cat(keeps), output)


def cosine(masks: list[str], pairs: int) -> None:
    """Load all masks, compare the first `pairs` pairs of neighbours."""
    loaded = [torch.load(file) for file in masks]
    for first, second in islice(pairwise(loaded), pairs):
        float(torch.nn.functional.cosine_similarity(first.float(), second.float(), dim=0))
