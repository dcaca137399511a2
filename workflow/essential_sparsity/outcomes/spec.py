"""Which runs are looked at together, and how their statistics are computed."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field, model_validator

from essential_sparsity.estimators.settings import Settings
from essential_sparsity.masks.spec import DENSE, MaskLabel
from essential_sparsity.support.spec import Name, Spec

_Tolerance = Annotated[float, Field(gt=0, lt=100)]


class StatisticsSpec(Spec):
    """How intervals and the essential sparsity are computed."""

    epsilon: float = Field(
        default=Settings.epsilon,
        gt=0,
        lt=100,
        description="drop that counts as none, in percentage points",
    )
    epsilons: tuple[_Tolerance, ...] = Field(
        default=Settings.epsilons, description="further ε, in points, to tell how much hangs on it"
    )
    relative_epsilons: tuple[_Tolerance, ...] = Field(
        default=Settings.relative_epsilons,
        description="further ε, in percent of the dense score",
    )
    confidence: float = Field(
        default=Settings.confidence, gt=0.5, lt=1, description="level of every interval"
    )
    resamples: int = Field(default=Settings.resamples, ge=100, description="bootstrap resamples")

    def settings(self) -> Settings:
        """Return what the estimators take."""
        return Settings(**self.model_dump())


class RunsSpec(Spec):
    """The runs behind a figure: of which models and curves, and how they are judged."""

    models: tuple[Name, ...] = Field(min_length=1)
    controls: dict[Name, Name] = Field(
        default={}, description="control → the model whose dense score it is held against"
    )
    families: dict[str, tuple[float | None, ...]] = Field(
        min_length=1,
        description="family of sparse masks → their sparsities, null where only a mask's file "
        "knows it: a curve each",
    )
    metrics: dict[Name, str] = Field(
        default={}, description="task → metric; else the one that its runs were scored by"
    )
    statistics: StatisticsSpec = StatisticsSpec()

    @model_validator(mode="after")
    def _controls_have_a_base(self) -> "RunsSpec":
        for control, base in self.controls.items():
            if control in self.models:
                raise ValueError(f"controls: '{control}' is one of the models as well")
            if base not in self.models:
                raise ValueError(f"controls.{control}: '{base}' is none of the models")
        return self

    @classmethod
    def families_of(cls, masks: Iterable[MaskLabel]) -> dict[str, tuple[float | None, ...]]:
        """Return the families of sparse masks, by ascending sparsity each."""
        found: dict[str, list[float | None]] = {}
        for mask in masks:
            if mask.name != DENSE.name:
                found.setdefault(mask.family, []).append(mask.sparsity)
        return {family: tuple(sparsities) for family, sparsities in found.items()}
