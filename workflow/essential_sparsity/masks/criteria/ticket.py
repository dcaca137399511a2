"""Lottery tickets by iterative magnitude pruning (the paper's LTP; Frankle et al., 2019).

A chain of rounds: fine-tune from the mask of the round before, remove the smallest of the weights
that this leaves, rewind. The chain of one model, task and seed passes through every sparsity of its
grid, and each of its masks is a mask like any other.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from essential_sparsity.masks.spec import DENSE, MaskSpec, Scope
from essential_sparsity.masks.trained import Trained
from essential_sparsity.support.spec import Sparsity, format_sparsity


class Ticket(Trained):
    """Removes the weights that fine-tuning leaves smallest, a step a round, and rewinds.

    Each round begins with the pre-trained weights that are left, or with those of an early step of
    training, and ends with exactly the grid's next count of removed weights: what was removed
    before stays removed.
    """

    criterion: Literal["ticket"] = "ticket"
    scope: Scope = Field(default="global", description="`global` or `layer`")
    step: Sparsity = Field(default=0.1, gt=0, description="share that a round removes")
    step_of: Literal["original", "remaining"] = Field(
        default="original", description="share of what: of all weights, or of those that are left"
    )
    rewind: int = Field(
        default=0, ge=0, description="step of training to rewind to; 0, the pre-trained weights"
    )
    head: Literal["drawn", "kept"] = Field(
        default="drawn", description="a round's head: drawn anew from the seed, or the last round's"
    )

    @model_validator(mode="after")
    def _is_on_its_grid(self) -> Self:
        if self.scope not in ("global", "layer") or self.pattern:
            raise ValueError("a ticket's scope is 'global' or 'layer', without a pattern")
        if self.recipe is not None and self.task is None:
            raise ValueError("recipe: is that of the ticket's task: state the task as well")
        if self.sparsity is not None and self.sparsity not in self._grid():
            shown = ", ".join(f"{value:g}" for value in self._grid()[:12])
            raise ValueError(
                f"sparsity {self.sparsity:g} is none that rounds of {self.step:g} of the "
                f"{self.step_of} weights end with: {shown}{', …' if len(self._grid()) > 12 else ''}"
            )
        return self

    def _grid(self) -> list[float]:
        """Return the sparsities that rounds end with."""
        found = []
        for number in range(1, 1000):
            if self.step_of == "original":
                reached = round(number * self.step, 6)
            else:
                reached = round(1 - (1 - self.step) ** number, 6)
            if reached >= 0.9999:
                break
            found.append(reached)
        return found

    @property
    def round(self) -> int:
        """The number of rounds that end with this sparsity, from 1."""
        return self._grid().index(self.sparsity or 0.0) + 1

    @property
    def rewind_step(self) -> int:
        """The step to rewind to."""
        return self.rewind

    def keeps_head(self) -> bool:
        """Tell whether there is a head of a round before that is kept."""
        return self.head == "kept" and self.round > 1

    def previous(self) -> MaskSpec:
        """Return the mask of the round before."""
        if self.round == 1:
            return DENSE
        return self.model_copy(update={"sparsity": self._grid()[self.round - 2]})

    def references(self) -> tuple[str, ...]:
        """Return the mask of the round before, if it removes anything."""
        return () if self.round == 1 else (self.previous().name,)

    def _differences(self) -> dict[str, str]:
        """Return what differs from the paper's tickets: as it stands in names → in words."""
        said = {}
        if self.step != 0.1:
            said[f"step{format_sparsity(self.step)}"] = f"steps of {100 * self.step:g} %"
        if self.step_of == "remaining":
            said["remaining"] = "of the remaining"
        if self.rewind:
            said[f"rewind{self.rewind}"] = f"rewound to step {self.rewind}"
        if self.head == "kept":
            said["head.kept"] = "head kept"
        return said

    def training_options(self) -> str:
        """Return what differs from the paper's tickets."""
        return "-".join(self._differences())

    def training_options_in_words(self) -> str:
        """Return what differs from the paper's tickets, in words."""
        return ", ".join(self._differences().values())
