"""In which precision a run computes; its weights, gradients and moments are fp32 in either."""

import torch

from essential_sparsity.runs.spec import RecipeSpec


def takes_bf16(recipe: RecipeSpec) -> bool:
    """Tell whether the run computes under bf16 autocast: if asked to, or where the GPU has it."""
    if recipe.precision != "auto":
        return recipe.precision == "bf16"
    # Not where it is emulated, which is slower than fp32.
    return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
