"""The base of all criteria: a spec that knows how its mask is made of a checkpoint."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.checkpoints.manifest import Matrix
from essential_sparsity.masks.keys import Computed, Scores, Values
from essential_sparsity.masks.spec import MaskSpec, Pattern, Scope, check_amount, pattern_counts
from essential_sparsity.support.spec import Name, Sparsity, format_sparsity


@dataclass(frozen=True)
class Inputs:
    """What a mask is made from besides the checkpoint, as paths of files that are there.

    `masks` are other masks of the model, by name; `files` are the criterion's own, by role.
    """

    masks: Mapping[str, Path] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)


class Criterion(MaskSpec):
    """Decides which weights a mask keeps; one that does not rank them writes its mask itself."""

    def make(self, checkpoint: Checkpoint, inputs: Inputs, path: Path) -> None:
        """Write the mask to `path`; rankings leave that to `compute_masks`, several in one pass.

        Raises:
            UserError: an input is missing, damaged, or not of this checkpoint.
        """
        raise NotImplementedError


class Ranking(Criterion):
    """A criterion that ranks weights: the lowest scores go.

    A criterion is a subclass in a module of its own in `masks/criteria/`. It overrides `score`, or
    `scores` where keys need no arithmetic or are not made of the weights. How many weights go is a
    sparsity or a pattern, where is a scope.

    - `global`: the lowest of all matrices together, exactly round(s·N) of them.
    - `layer`: of each matrix on its own, round(s·n) of its n weights.
    - `row`: of each row (an output) on its own, round(s·columns).
    - `erk`: of each matrix, as many as its Erdős–Rényi–Kernel density leaves; round(s·N) in all.
    - `matched`: of each matrix, exactly as many as the mask `like` removes of it.
    - a `pattern` N:M keeps the N highest of every M consecutive weights of a row.
    """

    # Whether the kept histogram of magnitudes is that of this ranking.
    uses_histogram: ClassVar[bool] = False
    lists: ClassVar[dict[str, str]] = {
        "sparsities": "sparsity",
        "patterns": "pattern",
        "seeds": "seed",
    }

    scope: Scope = Field(default="global", description="over what weights are ranked")
    pattern: Pattern | None = Field(default=None, description="N:M, N of every M weights kept")
    sparsity: Sparsity | None = Field(default=None, description="share of the weights removed")
    like: Name | None = Field(
        default=None, description="scope matched: the mask (without `-s…`, its family) to match"
    )

    @model_validator(mode="after")
    def _amount_is_stated_once(self) -> Self:
        check_amount(self.scope, self.like, self.sparsity is not None, self.pattern is not None)
        if self.sparsity == 0:
            raise ValueError("sparsity 0 is the mask 'dense', whatever the criterion")
        return self

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

    def ranking(self) -> dict[str, Any]:
        """Return what decides the order of the weights: the spec without how many go where."""
        allotment = {"scope", "pattern", "sparsity", "like"}
        return {key: value for key, value in self.document().items() if key not in allotment}

    def options(self) -> str:
        """Return the criterion's own options as they stand in names, such as `seed1`."""
        return ""

    def options_in_words(self) -> str:
        """Return the criterion's own options as figures say them, such as `seed 1`."""
        return self.options()

    @property
    def scope_name(self) -> str:
        """The scope; for a pattern the size of its groups, as `N:4`."""
        return f"N:{pattern_counts(self.pattern)[1]}" if self.pattern else self.scope

    @property
    def family(self) -> str:
        """The name without the sparsity."""
        place = self.scope_name.replace(":", "of").lower()
        parts = (self.criterion, place, self.like, self.options())
        return "-".join(part for part in parts if part)

    @property
    def name(self) -> str:
        """The mask's identity in paths, such as `magnitude-global-s0.50` or `magnitude-2of4`."""
        if self.pattern:
            kept, size = pattern_counts(self.pattern)
            parts = (self.criterion, f"{kept}of{size}", self.options())
            return "-".join(part for part in parts if part)
        if self.sparsity is None:
            return self.family
        return f"{self.family}-s{format_sparsity(self.sparsity)}"

    @property
    def nominal_sparsity(self) -> float | None:
        """The sparsity, 1 − N/M for a pattern; None where another mask decides it."""
        if self.pattern:
            kept, size = pattern_counts(self.pattern)
            return 1 - kept / size
        return self.sparsity

    def words(self) -> str:
        """Return the family in words, such as `magnitude, global`."""
        place = f"{self.scope} {self.like}" if self.like else self.scope_name
        place = place.replace("erk", "ERK")
        parts = (self.criterion.replace("-", " "), place, self.options_in_words())
        return ", ".join(part for part in parts if part)

    def references(self) -> tuple[str, ...]:
        """Return the mask that is matched, of the same sparsity if that is stated."""
        if self.like is None:
            return ()
        if self.sparsity is None:
            return (self.like,)
        return (f"{self.like}-s{format_sparsity(self.sparsity)}",)
