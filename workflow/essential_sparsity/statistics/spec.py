"""What the statistics stages are computed from: grids of runs and of masks, by name."""

from pydantic import Field, model_validator

from essential_sparsity.masks.spec import DENSE, MaskSpec
from essential_sparsity.spec import Name, Spec


class StatisticsSpec(Spec):
    """How intervals and the essential sparsity are computed."""

    epsilon: float = Field(
        default=1.0, gt=0, description="drop that counts as none, in percentage points"
    )
    confidence: float = Field(default=0.95, gt=0.5, lt=1, description="level of every interval")
    resamples: int = Field(default=2000, ge=100, description="bootstrap resamples")


class DropSpec(Spec):
    """The runs behind performance drops: every model × task × mask × seed, and dense controls."""

    models: tuple[Name, ...] = Field(min_length=1)
    controls: dict[Name, Name] = Field(
        default={}, description="control → the model whose dense score it is held against"
    )
    tasks: dict[Name, str] = Field(
        min_length=1, description="task → identity of its recipe, as in the path"
    )
    masks: tuple[MaskSpec, ...] = Field(description="the dense one, and at least one sparse one")
    seeds: tuple[int, ...] = Field(min_length=1)
    statistics: StatisticsSpec = StatisticsSpec()

    @model_validator(mode="after")
    def _drops_have_a_base(self) -> "DropSpec":
        if DENSE not in self.masks or len(self.masks) < 2:
            raise ValueError("masks: must hold the dense mask and at least one sparse mask")
        for key, values in (("models", self.models), ("masks", self.masks), ("seeds", self.seeds)):
            if len(set(values)) < len(values):
                raise ValueError(f"{key}: holds something twice")
        for control, base in self.controls.items():
            if control in self.models:
                raise ValueError(f"controls: '{control}' is one of the models as well")
            if base not in self.models:
                raise ValueError(f"controls.{control}: '{base}' is none of the models")
        return self


class PlacementSpec(Spec):
    """The masks whose removed weights are located."""

    models: tuple[Name, ...] = Field(min_length=1)
    masks: tuple[MaskSpec, ...] = Field(min_length=1)
