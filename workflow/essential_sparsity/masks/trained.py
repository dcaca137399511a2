"""Masks that training finds: of a task, by a recipe, with a seed."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from pydantic import Field

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.checkpoints.manifest import Matrix
from essential_sparsity.checkpoints.tensors import FORMATS, read_tensor
from essential_sparsity.masks.criterion import Inputs, Ranking
from essential_sparsity.masks.keys import ReadKeys, Scores
from essential_sparsity.masks.mask import Mask, load_for
from essential_sparsity.masks.spec import MaskLabel, MaskSpec
from essential_sparsity.support.spec import Name


class Trained(Ranking):
    """Ranks the weights that training left, those that were removed before lowest.

    A study need not say of which task and seed the mask is: then every run takes the mask that was
    found on its own task with its own seed, and names leave out what is not stated.

    `files()` are the trained weights of the prunable matrices and the mask that was held at the
    end of the training.
    """

    lists: ClassVar[dict[str, str]] = {"tasks": "task", **Ranking.lists}

    task: Name | None = Field(
        default=None, description="the task that it is found on; the run's own if not given"
    )
    recipe: str | None = Field(
        default=None, description="the recipe of this task; the experiment's if not given"
    )
    seed: int | None = Field(
        default=None, ge=0, lt=2**31, description="the training's seed; the run's if not given"
    )

    def bind(self, task: str, recipe: str, seed: int) -> Self:
        """Return the mask of a run on `task` by `recipe` (its identity in paths) with `seed`."""
        missing: dict[str, object] = {}
        if self.task is None:
            missing |= {"task": task, "recipe": recipe}
        if self.seed is None:
            missing["seed"] = seed
        return self.model_copy(update=missing)

    @property
    def is_bound(self) -> bool:
        """Whether task and seed are stated."""
        return self.task is not None and self.seed is not None

    def labels(self, task: str, recipe: str, seed: int | None) -> tuple[MaskLabel, ...]:
        """Return the mask's own label, and those of the masks that are found on each run's own.

        Seen by a run on whose task it was found, it may be a point of the curve of the masks that
        were found on their runs' tasks; with the run's seed, likewise.
        """
        unbound: list[dict[str, object]] = [{}]
        if (self.task, self.recipe) == (task, recipe):
            unbound.append({"task": None, "recipe": None})
        if self.seed == seed:
            unbound += [{**known, "seed": None} for known in unbound]
        return tuple(self.model_copy(update=missing).label() for missing in unbound)

    def options(self) -> str:
        """Return where the mask was found, as far as that is stated, and the training's options."""
        seed = "" if self.seed is None else f"seed{self.seed}"
        parts = (self.task, self.task and self.recipe, seed, self.training_options())
        return "-".join(part for part in parts if part)

    def options_in_words(self) -> str:
        """Return task and seed, where they are not the run's own, and the training's options."""
        parts = (
            f"of {self.task}" if self.task else "",
            f"seed {self.seed}" if self.seed is not None else "",
            self.training_options_in_words(),
        )
        return ", ".join(part for part in parts if part)

    @abstractmethod
    def training_options(self) -> str:
        """Return the training's own options as they stand in names."""

    def training_options_in_words(self) -> str:
        """Return the training's own options in words."""
        return self.training_options()

    @abstractmethod
    def previous(self) -> MaskSpec:
        """Return the mask under which the training begins."""

    @property
    def rewind_step(self) -> int:
        """The step of training whose weights are pruned; 0 for the pre-trained weights."""
        return 0

    def keeps_head(self) -> bool:
        """Tell whether the training begins with the head that the one before it left."""
        return False

    def files(self) -> dict[str, str]:
        """Return what the training leaves, below its scratch folder."""
        return {"weights": "weights.safetensors", "held": "held.safetensors"}

    def scores(self, checkpoint: Checkpoint, inputs: Inputs) -> Scores:
        """Return the ranking of the trained weights."""
        return Survivors(checkpoint, inputs)


@dataclass(frozen=True)
class Survivors:
    """Keys of trained weights: |w| of those that were kept, 0 for those that were removed before.

    A kept weight's key is one above the bits of its magnitude, so that a kept zero goes after all
    that is gone already: masks of one chain are nested.
    """

    checkpoint: Checkpoint
    inputs: Inputs

    bits = 31
    selected_on = "trained F32"
    infinity = FORMATS["F32"].infinity + 1

    @cached_property
    def _held(self) -> Mask:
        return load_for(self.checkpoint.matrices, self.inputs.files["held"])

    def open(self, matrix: Matrix) -> ReadKeys:
        """Return the reader of the matrix's keys."""
        weights = self.inputs.files["weights"]
        own = {"file": weights.name, "dtype": "F32", "layout": None}
        trained = matrix.model_copy(update=own)
        keys = read_tensor(weights.parent, trained).bits & np.uint32(0x7FFFFFFF)
        keys += np.uint32(1)
        keys *= self._held.keep(matrix.name)
        return lambda start, stop: keys[start:stop]

    def value(self, key: int) -> float:
        """Return the magnitude."""
        return float(np.uint32(max(key, 1) - 1).view(np.float32))
