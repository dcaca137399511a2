"""Gradual magnitude pruning: one training, sparser and sparser (Zhu and Gupta, 2017)."""

from typing import Literal, Self

from pydantic import Field, model_validator

from essential_sparsity.masks.spec import DENSE, MaskSpec, Scope
from essential_sparsity.masks.trained import Trained


class Gradual(Trained):
    """Removes the smallest weights again and again while one fine-tuning goes on.

    The sparsity rises as 1 − (1 − t)³ of the final one, t from 0 to 1 between two points of the
    training; afterwards the rest trains on. What is removed stays removed.
    """

    criterion: Literal["gradual"] = "gradual"
    scope: Scope = Field(default="global", description="`global` or `layer`")
    begin: float = Field(
        default=0.1, ge=0, lt=1, description="share of the training before the first removal"
    )
    end: float = Field(
        default=0.7, gt=0, le=1, description="share of the training at the last removal"
    )
    removals: int = Field(default=20, ge=1, description="how many times weights are removed")

    @model_validator(mode="after")
    def _has_a_schedule(self) -> Self:
        if self.scope not in ("global", "layer") or self.pattern:
            raise ValueError("gradual pruning's scope is 'global' or 'layer', without a pattern")
        if self.recipe is not None and self.task is None:
            raise ValueError("recipe: is that of the mask's task: state the task as well")
        if self.begin >= self.end:
            raise ValueError(f"begin: {self.begin:g} is not below end, {self.end:g}")
        return self

    def sparsity_after(self, removal: int) -> float:
        """Return the sparsity after the removal of this number, from 1 to `removals`."""
        left = 1 - removal / self.removals
        return (self.sparsity or 0.0) * (1 - left**3)

    def previous(self) -> MaskSpec:
        """Return the dense mask: training begins with all weights."""
        return DENSE

    def training_options(self) -> str:
        """Return the schedule, where it is another than the default."""
        fields = type(self).model_fields
        parts = (
            f"{name}{getattr(self, name):g}"
            for name in ("begin", "end", "removals")
            if getattr(self, name) != fields[name].default
        )
        return "-".join(parts)
