"""Magnitude pruning: the smallest |w| go (paper, §3).

With scope `global`, one-shot magnitude pruning as in the paper; with scope `layer`, each matrix on
its own, as its authors' later code prunes language models; with a pattern N:M, Zhou et al.,
*Learning N:M Fine-grained Structured Sparse Neural Networks From Scratch* (2021), §3 (paper, §4.3).
"""

from typing import ClassVar, Literal

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.masks.criterion import Inputs, Ranking
from essential_sparsity.masks.keys import Magnitudes


class Magnitude(Ranking):
    """Removes the weights of least magnitude."""

    uses_histogram: ClassVar[bool] = True

    criterion: Literal["magnitude"] = "magnitude"

    def scores(self, checkpoint: Checkpoint, inputs: Inputs) -> Magnitudes:
        """Return the stored magnitudes, compared as the bits that are stored."""
        return Magnitudes(checkpoint)
