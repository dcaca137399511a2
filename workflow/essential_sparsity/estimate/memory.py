"""The memory that jobs ask for, by a model's size: the catalog's, or that of its checkpoint.

Of a model whose size nothing tells yet, they ask for that of a small one. A job that was killed for
its memory asks for more when it is tried again: see `retries` and `restart-times` of Snakemake.
"""

from essential_sparsity.estimate.sizes import Sizes
from essential_sparsity.study.resolve import Resolved

# Bytes a parameter. A run holds weights, gradients and AdamW's two moments in fp32; a job that
# reads a checkpoint may hold a second copy of it while it converts.
_TRAINING = 4 * 4
_READING = 2 * 4

# What Python and its libraries take, with a batch of a small model's activations beside them.
_LIBRARIES = 2000
_LEAST = 4000


class Memory:
    """Megabytes that the jobs of a model ask for."""

    def __init__(self, study: Resolved) -> None:
        """Take the study."""
        self._sizes = Sizes(study)

    def training(self, model: str) -> int:
        """Return those of a run, or of a ticket's round; a GPU's own memory is none of them."""
        return self._ask(model, _TRAINING)

    def reading(self, model: str) -> int:
        """Return those of a job that reads, converts and writes a whole checkpoint."""
        return self._ask(model, _READING)

    def _ask(self, model: str, bytes_each: int) -> int:
        parameters = self._sizes.model(model, "parameters").value
        return max(_LEAST, _LIBRARIES + round(parameters * bytes_each / 1e6))
