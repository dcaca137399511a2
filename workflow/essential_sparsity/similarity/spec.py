"""Which masks of a model are compared with each other."""

from pydantic import Field, model_validator

from essential_sparsity.support.spec import Spec


class MaskSetSpec(Spec):
    """The masks of one model that are compared with each other, by name."""

    masks: tuple[str, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _masks_differ(self) -> "MaskSetSpec":
        if len(set(self.masks)) < len(self.masks):
            raise ValueError("masks: holds something twice")
        return self
