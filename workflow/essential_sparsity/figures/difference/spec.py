"""What a figure of score differences is made from."""

from pydantic import Field, model_validator

from essential_sparsity.figures.kind import FigureKind
from essential_sparsity.outcomes.spec import RunsSpec
from essential_sparsity.support.spec import equal_sparsities
from essential_sparsity.support.validation import near_miss


class DifferenceSpec(RunsSpec):
    """The runs whose scores are compared with those of a baseline, sparsity by sparsity."""

    baseline: str = Field(
        default="magnitude-global",
        description="the masks that others are compared with: a family, which is a mask's name "
        "without its sparsity",
    )

    @model_validator(mode="after")
    def _can_be_compared(self) -> "DifferenceSpec":
        families = dict(self.families)
        if self.baseline not in families:
            raise ValueError(
                f"baseline: no mask is of the family '{self.baseline}'"
                f"{near_miss(self.baseline, sorted(families))} "
                f"(there are: {', '.join(sorted(families))})"
            )
        partners = families.pop(self.baseline)
        others = [sparsity for sparsities in families.values() for sparsity in sparsities]
        # A sparsity that only the mask's file knows may be any.
        if None not in (*partners, *others) and not any(
            equal_sparsities(other, partner) for other in others for partner in partners
        ):
            raise ValueError(
                f"masks: none has the sparsity of one of the baseline's, '{self.baseline}': there "
                "is nothing to compare"
            )
        return self


KIND = FigureKind(
    title="Score of one kind of masks less another's (the paper's Figure 9)",
    reads="runs",
    tables=("runs", "difference", "cost"),
    spec=DifferenceSpec,
)
