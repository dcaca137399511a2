"""Random pruning: what every criterion has to beat, and the null model of mask similarity.

With scope `erk`, the layer densities of Evci et al. (2020); with scope `matched`, those of another
mask, so that whatever the two share beyond chance is not a matter of layers.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import Field

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.checkpoints.manifest import Matrix
from essential_sparsity.masks.criterion import Inputs, Ranking
from essential_sparsity.masks.keys import Keys, ReadKeys, Scores


class Random(Ranking):
    """Removes weights in random order.

    Masks of one seed and scope are nested along the sparsity; those of different scopes share
    nothing but chance, as those of different seeds.
    """

    criterion: Literal["random"] = "random"
    seed: int = Field(default=0, ge=0, lt=2**31, description="decides the order")

    def ranking(self) -> dict[str, Any]:
        """Return what decides the order: the scope does, too."""
        return {**super().ranking(), "scope": self.scope_name}

    def options(self) -> str:
        """Return the seed."""
        return f"seed{self.seed}"

    def options_in_words(self) -> str:
        """Return the seed in words."""
        return f"seed {self.seed}"

    def scores(self, checkpoint: Checkpoint, inputs: Inputs) -> Scores:
        """Return an order that knows nothing of the weights."""
        places = {matrix.name: index for index, matrix in enumerate(checkpoint.matrices)}
        return _Shuffled((self.seed, *self.scope_name.encode()), places)


@dataclass(frozen=True)
class _Shuffled:
    """Keys drawn from a stream for each matrix, at any row, so that none of it is kept.

    What a bit generator's `random_raw` gives is the same in all versions of numpy, which the
    methods of its `Generator` do not promise.
    """

    seed: tuple[int, ...]
    places: dict[str, int]

    bits = 31
    selected_on = "random numbers"
    infinity = None

    def open(self, matrix: Matrix) -> ReadKeys:
        """Return the reader of the matrix's keys."""
        sequence = np.random.SeedSequence([*self.seed, self.places[matrix.name]])
        columns = matrix.shape[1]

        def read(start: int, stop: int) -> Keys:
            # Two keys of each 64 bits; `start` is a multiple of eight rows.
            stream = np.random.PCG64(sequence)
            stream.advance(start * columns // 2)
            count = (stop - start) * columns
            keys = stream.random_raw((count + 1) // 2).astype("<u8", copy=False).view(np.uint32)
            return (keys[:count] >> np.uint32(1)).reshape(stop - start, columns)

        return read

    def value(self, key: int) -> None:
        """Keys stand for no number."""
