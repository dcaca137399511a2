"""The grammar of masks in a study file: a criterion, its options, and how much of what goes.

A grid has the criterion's own keys, and lists where a mask has one value: `sparsities` or
`patterns`, and `seeds` where the criterion has a seed. The grids follow from the registry.
"""

from itertools import product
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, Union

from pydantic import Field, create_model, model_validator

from essential_sparsity.masks.criterion import Criterion, Ranking
from essential_sparsity.masks.registry import known_criteria
from essential_sparsity.masks.spec import DENSE, MaskSpec, Pattern, Scope, check_amount
from essential_sparsity.spec import Name, Sparsity, Spec

Seed = Annotated[int, Field(ge=0, lt=2**31)]


class Grid(Spec):
    """Masks of one criterion."""

    criterion: str

    def masks(self) -> list[MaskSpec]:
        """Return the masks, by ascending sparsity for each seed."""
        return [known_criteria()[self.criterion].model_validate(self.document())]

    def document(self) -> dict[str, Any]:
        """Return the grid as plain data; the criterion is always said."""
        return {"criterion": self.criterion, **super().document()}


class RankedGrid(Grid):
    """Masks of one ranking over sparsities or patterns."""

    # As `RankedSpec` has them; what a grid says of them comes from there.
    scope: Scope = "global"
    like: Name | None = None
    sparsities: tuple[Sparsity, ...] = Field(
        default=(), description="shares of the prunable weights to remove, in [0, 1)"
    )
    patterns: tuple[Pattern, ...] = Field(
        default=(), description="or N:M patterns, N of every M consecutive weights of a row kept"
    )

    def masks(self) -> list[MaskSpec]:
        """Return the masks, by ascending sparsity for each seed; sparsity 0 is the dense mask."""
        options = self.document()
        seeds = [{"seed": seed} for seed in options.pop("seeds", getattr(self, "seeds", ()))]
        options = {k: v for k, v in options.items() if k not in ("sparsities", "patterns")}
        amounts: list[dict[str, Any]] = [
            *({"sparsity": sparsity} for sparsity in sorted(self.sparsities)),
            *({"pattern": pattern} for pattern in self.patterns),
        ]
        kind = known_criteria()[self.criterion]
        return [
            DENSE if amount.get("sparsity") == 0 else kind.model_validate(options | seed | amount)
            for seed, amount in product(seeds or [{}], amounts or [{}])
        ]

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        for name in ("sparsities", "patterns", "seeds"):
            values = getattr(self, name, ())
            if len(set(values)) < len(values):
                raise ValueError(f"a value of '{name}' occurs twice in {list(values)}")
        check_amount(self.scope, self.like, bool(self.sparsities), bool(self.patterns))
        self.masks()
        return self


def _grid_of(kind: type[Criterion] | type[Ranking]) -> type[Grid]:
    """Return the grid of a criterion: its fields, with lists where a mask has one value."""
    ranked = issubclass(kind, Ranking)
    fields: dict[str, Any] = {}
    for name, field in kind.model_fields.items():
        if name == "criterion":
            fields[name] = (Literal[field.default], Field(description="which weights are removed"))
        elif ranked and name == "seed":
            fields["seeds"] = (
                tuple[Seed, ...],
                Field(default=(field.default,), min_length=1, description="one mask each"),
            )
        elif not (ranked and name in ("sparsity", "pattern")):
            fields[name] = (field.annotation, field)
    return create_model(
        f"{kind.__name__}Grid",
        __base__=RankedGrid if ranked else Grid,
        __doc__=kind.__doc__,
        __module__=__name__,
        **fields,
    )


if TYPE_CHECKING:
    AnyGrid = Grid
else:
    AnyGrid = Annotated[
        Union[tuple(_grid_of(kind) for kind in known_criteria().values())],  # noqa: UP007
        Field(discriminator="criterion"),
    ]
