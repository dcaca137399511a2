"""What determines a mask, and the names that it has for that reason."""

import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field

from essential_sparsity.support.spec import Spec

Scope = Literal["global", "layer", "row", "erk", "matched"]


def _spell_pattern(value: object) -> object:
    # YAML 1.1 takes 2:4 for a number in base sixty, 2 · 60 + 4.
    return f"{value // 60}:{value % 60}" if type(value) is int else value


def _check_pattern(value: str) -> str:
    match = re.fullmatch(r"0*(\d+):0*(\d+)", value)
    if match is None or not 1 <= int(match[1]) < int(match[2]):
        raise ValueError(
            "a pattern is N:M with 1 ≤ N < M, N the weights kept of every M consecutive ones; "
            f"'{value}' is not"
        )
    return f"{match[1]}:{match[2]}"


Pattern = Annotated[str, BeforeValidator(_spell_pattern), AfterValidator(_check_pattern)]


def pattern_counts(pattern: str) -> tuple[int, int]:
    """Return N (kept) and M of a pattern `N:M`."""
    kept, size = pattern.split(":")
    return int(kept), int(size)


class MaskLabel(Spec):
    """What tables say of a mask: its name, the curve that it is a point of, and what made it.

    `sparsity` is None where only the mask's file knows it, as for an imported mask.
    """

    name: str
    family: str = Field(description="the name without the sparsity: masks of one curve share it")
    label: str = Field(description="the family in words")
    criterion: str
    scope: str = Field(description="over what weights are ranked; `N:4` for groups of four")
    pattern: str | None = None
    sparsity: float | None = None


class MaskSpec(Spec):
    """One mask of a checkpoint: base of every criterion's spec."""

    # Lists of a study file → the field that has one value of it.
    lists: ClassVar[dict[str, str]] = {}

    criterion: str

    def document(self) -> dict[str, Any]:
        """Return the spec as plain data; the criterion is always said."""
        return {"criterion": self.criterion, **super().document()}

    @property
    def name(self) -> str:
        """The mask's identity in paths, such as `magnitude-global-s0.50`."""
        return self.criterion

    @property
    def family(self) -> str:
        """The mask's name without its sparsity."""
        return self.name

    @property
    def scope_name(self) -> str:
        """Over what weights are ranked, in one word."""
        return "global"

    @property
    def nominal_sparsity(self) -> float | None:
        """The share of removed weights that was asked for; None if only the mask's file knows."""
        return None

    def words(self) -> str:
        """Return the family in words, for figures."""
        return self.family

    def label(self) -> MaskLabel:
        """Return what tables say of this mask."""
        return MaskLabel(
            name=self.name,
            family=self.family,
            label=self.words(),
            criterion=self.criterion,
            scope=self.scope_name,
            pattern=getattr(self, "pattern", None),
            sparsity=self.nominal_sparsity,
        )

    def bind(self, task: str, recipe: str, seed: int) -> Self:
        """Return the mask that a run takes; only what training finds depends on the run."""
        return self

    def labels(self, task: str, recipe: str, seed: int | None) -> tuple[MaskLabel, ...]:
        """Return the labels that the mask of a run may have: of all that `bind` makes into it."""
        return (self.label(),)

    @property
    def is_bound(self) -> bool:
        """Whether this is one mask, whatever run takes it."""
        return True

    def references(self) -> tuple[str, ...]:
        """Return the names of other masks of the same model that this one is made from."""
        return ()

    def files(self) -> dict[str, str]:
        """Return the files that this mask is made from besides the checkpoint: role → path.

        In a path, `{model}` stands for the model's name.
        """
        return {}

    def below(self, root: Path) -> Self:
        """Return the spec with relative paths put below `root`."""
        return self


class DenseSpec(MaskSpec):
    """Keeps every weight, so that dense runs are ordinary runs."""

    criterion: Literal["dense"] = "dense"

    @property
    def nominal_sparsity(self) -> float:
        """Nothing is removed."""
        return 0.0


DENSE = DenseSpec()


def check_amount(scope: Scope, like: str | None, sparsity: bool, pattern: bool) -> None:
    """Check that scope, `like`, sparsities and patterns go together."""
    if (scope == "matched") != (like is not None):
        raise ValueError("scope 'matched' and the key 'like' go together, and only together")
    if sparsity and pattern:
        raise ValueError("a pattern decides the sparsity: state one of the two")
    if pattern and scope != "global":
        raise ValueError(f"a pattern has no scope but its own groups, not '{scope}'")
    if not (sparsity or pattern or like):
        raise ValueError("how much is removed? state a sparsity or a pattern")
