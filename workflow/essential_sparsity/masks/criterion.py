"""The base of all criteria: a spec that knows how its mask is made of a checkpoint."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.checkpoints.manifest import Matrix
from essential_sparsity.masks.keys import Computed, Scores, Values
from essential_sparsity.masks.spec import MaskSpec, RankedSpec


@dataclass(frozen=True)
class Inputs:
    """What a mask is made from besides the checkpoint, as paths of files that are there.

    `masks` are other masks of the model, by name; `files` are the criterion's own, by role.
    """

    masks: Mapping[str, Path] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)


class Criterion(MaskSpec):
    """A criterion that makes its mask in a way of its own."""

    @abstractmethod
    def make(self, checkpoint: Checkpoint, inputs: Inputs, path: Path) -> None:
        """Write the mask to `path`.

        Raises:
            UserError: an input is missing, damaged, or not of this checkpoint.
        """


class Ranking(RankedSpec):
    """A criterion that ranks weights: the lowest scores go.

    A criterion is a subclass in a module of its own in `masks/criteria/`. It overrides `score`, or
    `scores` where keys need no arithmetic or are not made of the weights.
    """

    def score(self, matrix: Matrix, weights: Values, inputs: Inputs) -> Values:
        """Return a matrix's scores, float32 of shape (out, in), all ≥ 0.

        Args:
            matrix: its name, shape, layer and module.
            weights: the stored weights as float32, (out, in).
            inputs: what `files()` names, such as statistics of activations or gradients.
        """
        raise NotImplementedError

    def scores(self, checkpoint: Checkpoint, inputs: Inputs) -> Scores:
        """Return the ranking of the checkpoint's weights."""
        return Computed(checkpoint, lambda matrix, weights: self.score(matrix, weights, inputs))

    @property
    def uses_histogram(self) -> bool:
        """Tell whether the kept histogram of magnitudes is that of this ranking."""
        return False
