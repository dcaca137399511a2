"""What the statistics stages are computed from: grids of runs and of masks, by name."""

from pydantic import Field

from essential_sparsity.masks.spec import MaskSpec
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

    models: tuple[Name, ...]
    controls: dict[Name, Name] = Field(
        default={}, description="control → the model whose dense score it is held against"
    )
    tasks: dict[Name, str] = Field(description="task → identity of its recipe, as in the path")
    masks: tuple[MaskSpec, ...]
    seeds: tuple[int, ...]
    statistics: StatisticsSpec = StatisticsSpec()


class PlacementSpec(Spec):
    """The masks whose removed weights are located."""

    models: tuple[Name, ...]
    masks: tuple[MaskSpec, ...]
