"""The spec of the study's tables of runs and of predictions."""

from pydantic import Field

from essential_sparsity.support.spec import Name, Spec


class TidySpec(Spec):
    """A study, and those of its experiments that have runs."""

    study: Name = Field(description="names the folder of the results")
    experiments: tuple[Name, ...] = Field(min_length=1)
