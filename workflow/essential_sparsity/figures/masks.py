"""Which masks a figure of masks shows."""

from pydantic import Field

from essential_sparsity.masks.spec import MaskLabel
from essential_sparsity.support.spec import Name, Spec


class MasksSpec(Spec):
    """Models and masks: what the tables of a figure of masks are computed from."""

    models: tuple[Name, ...] = Field(min_length=1)
    masks: tuple[MaskLabel, ...] = Field(min_length=1)
