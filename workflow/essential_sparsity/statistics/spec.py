"""What the statistics stages are computed from: grids of runs and of masks, by name."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from essential_sparsity.masks.spec import DENSE, MaskLabel
from essential_sparsity.support.spec import Name, Spec
from essential_sparsity.support.validation import near_miss

_Tolerance = Annotated[float, Field(gt=0, lt=100)]


class StatisticsSpec(Spec):
    """How intervals and the essential sparsity are computed."""

    epsilon: float = Field(
        default=1.0, gt=0, lt=100, description="drop that counts as none, in percentage points"
    )
    epsilons: tuple[_Tolerance, ...] = Field(
        default=(0.5, 1.0, 2.0), description="further ε, in points, to tell how much hangs on it"
    )
    relative_epsilons: tuple[_Tolerance, ...] = Field(
        default=(1.0,), description="further ε, in percent of the dense score"
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
    def _drops_have_a_base(self) -> "DropSpec":
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


class DifferenceSpec(DropSpec):
    """The runs whose scores are compared with those of a baseline, sparsity by sparsity."""

    baseline: str = Field(
        default="magnitude-global",
        description="the masks that others are compared with: a family, which is a mask's name "
        "without its sparsity",
    )

    @model_validator(mode="after")
    def _can_be_compared(self) -> "DifferenceSpec":
        sparse = [mask for mask in self.masks if mask != DENSE.label()]
        families = sorted({mask.family for mask in sparse})
        if self.baseline not in families:
            raise ValueError(
                f"baseline: no mask is of the family '{self.baseline}'"
                f"{near_miss(self.baseline, families)} (there are: {', '.join(families)})"
            )
        partners = [mask.sparsity for mask in sparse if mask.family == self.baseline]
        others = [mask.sparsity for mask in sparse if mask.family != self.baseline]
        # A sparsity that only the mask's file knows may be any.
        if None not in (*partners, *others) and not any(
            are_equal(other, partner) for other in others for partner in partners
        ):
            raise ValueError(
                f"masks: none has the sparsity of one of the baseline's, '{self.baseline}': there "
                "is nothing to compare"
            )
        return self


# Sparsities are equal below this: a third may be given as 0.3333.
_TOLERANCE = 5e-4


def are_equal(one: float | None, other: float | None) -> bool:
    """Tell whether two sparsities are the same one, to the accuracy that people write them with."""
    return one is not None and other is not None and abs(one - other) < _TOLERANCE


class MasksSpec(Spec):
    """Models and masks: what the tables of a figure of masks are computed from."""

    models: tuple[Name, ...] = Field(min_length=1)
    masks: tuple[MaskLabel, ...] = Field(min_length=1)


class PlacementSpec(MasksSpec):
    """The masks whose removed weights are located."""


class PositionsSpec(MasksSpec):
    """The masks and matrices whose removed weights are shown where they lie."""

    layers: tuple[int, ...] = Field(
        default=(), description="layers, from 0; the first, the middle and the last if not given"
    )
    modules: tuple[str, ...] = Field(
        default=(), description="modules, such as `query`; all of them if not given"
    )
    blocks: int = Field(
        default=48, ge=2, le=256, description="a matrix is shown as at most this many blocks a side"
    )


class MaskSetSpec(Spec):
    """The masks of one model that are compared with each other, by name."""

    masks: tuple[str, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _masks_differ(self) -> "MaskSetSpec":
        if len(set(self.masks)) < len(self.masks):
            raise ValueError("masks: holds something twice")
        return self


class SimilaritySpec(MasksSpec):
    """The masks of which all pairs are compared."""

    measurements: dict[Name, str] = Field(default={}, description="model → its Parquet file")


Scaling = Literal["max-abs", "standard", "l2"]


def _check_distinct(values: tuple[float, ...]) -> tuple[float, ...]:
    if len(set(values)) < len(values):
        raise ValueError(f"a value occurs twice in {list(values)}")
    return values


Thresholds = Annotated[
    tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...],
    Field(min_length=1),
    AfterValidator(_check_distinct),
]


class WeightsSpec(Spec):
    """What is measured of a model's weights, layer by layer."""

    scaling: Scaling = Field(
        default="max-abs",
        description="a layer's weights are divided by their largest magnitude; or taken less their "
        "mean and divided by their standard deviation; or divided by their L2 norm, as a root mean "
        "square",
    )
    thresholds: Thresholds = Field(
        default=(1e-4, 1e-3, 1e-2),
        description="τ of the weights as they are: how many are nearer to zero?",
    )
    relative_thresholds: Thresholds = Field(
        default=(0.01, 0.03, 0.1),
        description="τ as a share of the matrix's standard deviation",
    )


class DistributionSpec(WeightsSpec):
    """The models whose weights are looked at, side by side."""

    models: tuple[Name, ...] = Field(min_length=1)
    measurements: dict[Name, str] = Field(default={}, description="model → its Parquet file")
