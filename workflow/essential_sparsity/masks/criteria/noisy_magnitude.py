"""Magnitude pruning of noisy weights: how similar are masks of weights that moved at random?

A null model for masks of fine-tuned weights: of the pre-trained weights plus Gaussian noise, whose
norm in every matrix is given. Take a share of the matrix's own norm, or the norms by which
fine-tuning moved the matrices, ‖θ_FT − θp‖: a mask of fine-tuned weights that resembles one-shot
magnitude pruning no more than this one does owes the resemblance to where the weights started.
"""

import json
import math
from functools import lru_cache
from pathlib import Path
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from essential_sparsity.checkpoints.manifest import Matrix
from essential_sparsity.masks.criterion import Inputs, Ranking
from essential_sparsity.masks.keys import Values
from essential_sparsity.masks.spec import DENSE
from essential_sparsity.stages import paths
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import read_json
from essential_sparsity.support.spec import Name, is_name

_PIECE = 1 << 16  # weights


class NoisyMagnitude(Ranking):
    """Removes the weights of least magnitude after noise of a given norm was added to them."""

    criterion: Literal["noisy-magnitude"] = "noisy-magnitude"
    noise: float | None = Field(
        default=None, gt=0, description="the noise's norm, as a share of each matrix's own norm"
    )
    norms: str | None = Field(
        default=None, description="or a JSON file: matrix → the norm of the noise added to it"
    )
    task: Name | None = Field(
        default=None, description="or a task: as far as its dense fine-tuning moved each matrix"
    )
    recipe: str | None = Field(default=None, description="the recipe of this fine-tuning")
    run: int = Field(default=1, ge=0, lt=2**31, description="the seed of this fine-tuning")
    seed: int = Field(default=0, ge=0, lt=2**31, description="decides the noise")

    @model_validator(mode="after")
    def _one_size_of_noise(self) -> Self:
        if [self.noise, self.norms, self.task].count(None) != 2:
            raise ValueError("how much noise? state one of 'noise', 'norms' and 'task'")
        if self.norms is not None and not is_name(Path(self.norms).stem):
            raise ValueError(
                f"norms: the file's name becomes the mask's: '{Path(self.norms).stem}' has more "
                "than lower-case letters, digits, dots and single hyphens"
            )
        return self

    def _size(self) -> tuple[str, str]:
        """Return what sizes the noise, as it stands in names and in words."""
        if self.task is not None:
            return f"{self.task}-{self.recipe}-run{self.run}", f"moved as far as by {self.task}"
        if self.norms is not None:
            stem = Path(self.norms).stem
            return f"norms-{stem}", f"norms of {stem}"
        share = self.noise or 0.0
        return f"noise{np.format_float_positional(share, trim='-')}", f"{100 * share:.3g} % noise"

    def options(self) -> str:
        """Return size and seed of the noise."""
        return f"{self._size()[0]}-seed{self.seed}"

    def options_in_words(self) -> str:
        """Return size and seed of the noise in words."""
        return f"{self._size()[1]}, seed {self.seed}"

    def files(self) -> dict[str, str]:
        """Return the file of norms, if that is what sizes the noise."""
        if self.task is not None:
            dense = {"task": self.task, "recipe": self.recipe, "mask": DENSE.name, "seed": self.run}
            return {"norms": paths.MOVEMENT.format(model="{model}", **dense)}
        return {} if self.norms is None else {"norms": self.norms}

    def below(self, root: Path) -> Self:
        """Return the spec with the file's path put below `root`."""
        if self.norms is None:
            return self
        return self.model_copy(update={"norms": str(root / self.norms)})

    def score(self, matrix: Matrix, weights: Values, inputs: Inputs) -> Values:
        """Return |w + ε| with ‖ε‖ over the matrix as wanted."""
        place = [matrix.layer, *matrix.module.encode()]
        generator = np.random.Generator(np.random.PCG64([self.seed, *place]))
        noisy = generator.standard_normal(weights.shape, dtype=np.float32)
        wanted = self._norm(matrix, weights, inputs)
        # As a float32: the last digits of a long sum differ between machines.
        noisy *= np.float32(wanted / _norm(noisy))
        noisy += weights
        return np.abs(noisy, out=noisy)

    def _norm(self, matrix: Matrix, weights: Values, inputs: Inputs) -> float:
        if self.noise is not None:
            return self.noise * _norm(weights)
        path = inputs.files["norms"]
        norm = _read_norms(str(path), path.stat().st_mtime_ns).get(matrix.name)
        if norm == 0 and self.task is not None:
            return 0.0  # a pooler that the head does without, which a run leaves where it was
        if norm is None and self.task is not None:
            raise UserError(
                f"{path}: {matrix.name}: no norm: the training of this run diverged, and no weight "
                "moved anywhere; a smaller learning_rate in the recipe is the usual remedy"
            )
        if not isinstance(norm, int | float) or not (math.isfinite(norm) and norm > 0):
            raise UserError(
                f"{path}: {matrix.name}: {json.dumps(norm)} is no norm; every prunable matrix "
                "needs a number above 0"
            )
        return float(norm)


def _norm(values: Values) -> float:
    flat = values.ravel()
    # In pieces, for there is to be no copy of the whole in float64; and not as a dot product, whose
    # last digits depend on the number of threads.
    pieces = (flat[i : i + _PIECE] for i in range(0, flat.size, _PIECE))
    return math.sqrt(math.fsum(np.square(piece, dtype=np.float64).sum() for piece in pieces))


@lru_cache(maxsize=1)
def _read_norms(path: str, changed: int) -> dict[str, object]:
    return read_json(Path(path), "file of norms")
