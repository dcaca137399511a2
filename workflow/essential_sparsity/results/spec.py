"""Which runs are looked at together, and how their statistics are computed."""

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
    """The runs behind a figure: every model × task × mask × seed, and dense controls."""

    models: tuple[Name, ...] = Field(min_length=1)
    controls: dict[Name, Name] = Field(
        default={}, description="control → the model whose dense score it is held against"
    )
    tasks: dict[Name, str] = Field(
        min_length=1, description="task → identity of its recipe, as in the path"
    )
    masks: tuple[MaskLabel, ...] = Field(description="the dense one, and at least one sparse one")
    seeds: tuple[int, ...] = Field(min_length=1)
    seeds_of: dict[Name, tuple[int, ...]] = Field(
        default={}, description="other seeds for some of the tasks"
    )
    search: str = Field(
        default="", description="folder of a search's rounds: of all runs, those that it chose"
    )
    metrics: dict[Name, str] = Field(
        default={}, description="task → metric; else the one that its runs were scored by"
    )
    statistics: StatisticsSpec = StatisticsSpec()

    def metric_of(self, task: str) -> str:
        """Return the name of a task's metric, an empty one if its runs say it."""
        return self.metrics.get(task, "")

    def seeds_on(self, task: str) -> tuple[int, ...]:
        """Return the seeds of a task's runs."""
        return self.seeds_of.get(task, self.seeds)

    @model_validator(mode="after")
    def _drops_have_a_base(self) -> "RunsSpec":
        if DENSE.label() not in self.masks or len(self.masks) < 2:
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
