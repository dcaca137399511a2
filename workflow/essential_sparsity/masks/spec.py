"""What determines a mask, and the name that it has for that reason."""

from typing import Literal

from pydantic import Field, model_validator

from essential_sparsity.spec import Sparsity, Spec, format_sparsity

PruningCriterion = Literal["magnitude"]
Criterion = Literal["dense", PruningCriterion]
Scope = Literal["global"]


class MaskSpec(Spec):
    """One mask of a checkpoint; `dense` keeps everything, so that dense runs are ordinary runs."""

    criterion: Criterion
    scope: Scope = "global"
    sparsity: Sparsity = Field(default=0.0, description="share of the prunable weights removed")

    @model_validator(mode="after")
    def _dense_removes_nothing(self) -> "MaskSpec":
        if (self.criterion == "dense") != (self.sparsity == 0):
            raise ValueError("criterion 'dense' and sparsity 0 go together, and only together")
        return self

    @property
    def name(self) -> str:
        """The mask's identity in paths, such as `magnitude-global-s0.50`."""
        if self.criterion == "dense":
            return "dense"
        return f"{self.criterion}-{self.scope}-s{format_sparsity(self.sparsity)}"


DENSE = MaskSpec(criterion="dense")
