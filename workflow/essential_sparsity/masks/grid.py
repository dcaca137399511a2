"""The grammar of masks in a study file: a criterion, its options, and how much of what goes.

A grid has the criterion's own keys, and lists where a mask has one value: `sparsities` or
`patterns`, and `seeds` where the criterion has a seed. The grids follow from the registry.
"""

from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, Union

from pydantic import Field, create_model, model_validator
from pydantic.fields import FieldInfo

from essential_sparsity.masks.criterion import Criterion, Ranking
from essential_sparsity.masks.registry import known_criteria
from essential_sparsity.masks.spec import DENSE, MaskSpec, Pattern, Scope, check_amount
from essential_sparsity.support.spec import Name, Sparsity, Spec

Seed = Annotated[int, Field(ge=0, lt=2**31)]


# Stated by `RankedGrid` itself.
_AMOUNTS = ("sparsities", "patterns")


class Grid(Spec):
    """Masks of one criterion."""

    criterion: str

    @cached_property
    def expanded(self) -> tuple[MaskSpec, ...]:
        """The masks, by ascending sparsity for each seed."""
        return (known_criteria()[self.criterion].model_validate(self.document()),)

    def document(self) -> dict[str, Any]:
        """Return the grid as plain data; the criterion is always said."""
        return {"criterion": self.criterion, **super().document()}


class RankedGrid(Grid):
    """Masks of one ranking over sparsities or patterns."""

    # As `Ranking` has them; what a grid says of them comes from there.
    scope: Scope = "global"
    like: Name | None = None
    sparsities: tuple[Sparsity, ...] = Field(
        default=(), description="shares of the prunable weights to remove, in [0, 1)"
    )
    patterns: tuple[Pattern, ...] = Field(
        default=(), description="or N:M patterns, N of every M consecutive weights of a row kept"
    )

    @property
    def is_open(self) -> bool:
        """Whether nothing says how much goes: a search has to."""
        return not (self.sparsities or self.patterns or self.like)

    def over(self, sparsities: tuple[float, ...]) -> Self:
        """Return the grid with other sparsities."""
        return self.model_validate({**self.document(), "sparsities": sparsities})

    @cached_property
    def expanded(self) -> tuple[MaskSpec, ...]:
        """The masks, by ascending sparsity for each seed; sparsity 0 is the dense mask.

        An open grid has none.
        """
        if self.is_open:
            return ()
        kind = known_criteria()[self.criterion]
        amounts: list[dict[str, Any]] = [
            *({"sparsity": sparsity} for sparsity in sorted(self.sparsities)),
            *({"pattern": pattern} for pattern in self.patterns),
        ]
        others = {name: field for name, field in kind.lists.items() if name not in _AMOUNTS}
        rows = [[{field: v} for v in getattr(self, name, ())] for name, field in others.items()]
        options = {key: v for key, v in self.document().items() if key not in kind.lists}
        return tuple(
            DENSE
            if amount.get("sparsity") == 0
            else kind.model_validate(
                options | amount | {k: v for d in chosen for k, v in d.items()}
            )
            for *chosen, amount in product(*(row or [{}] for row in rows), amounts or [{}])
        )

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        for name in known_criteria()[self.criterion].lists:
            values = getattr(self, name, ())
            if len(set(values)) < len(values):
                raise ValueError(f"a value of '{name}' occurs twice in {list(values)}")
        # An experiment that has no search sees to it that its grids are not open.
        stated = bool(self.sparsities) or self.is_open
        check_amount(self.scope, self.like, stated, bool(self.patterns))
        # What a mask's own spec refuses is refused here.
        self.expanded  # noqa: B018
        return self


def _list_of(name: str, field: FieldInfo) -> tuple[Any, FieldInfo]:
    """Return the list where a mask has the field `name`: one mask, or curve, for each value."""
    # A default of None means that there need not be any.
    default = () if field.default is None else (field.default,)
    value = Seed if name == "seed" else Name
    said = f"{field.description}; " if field.default is None else ""
    least = {} if field.default is None else {"min_length": 1}
    return tuple[value, ...], Field(default=default, description=f"{said}one mask each", **least)  # type: ignore[valid-type, call-overload]


def _grid_of(kind: type[Criterion]) -> type[Grid]:
    """Return the grid of a criterion: its fields, with lists where a mask has one value."""
    ranked = issubclass(kind, Ranking)
    lists = {field: name for name, field in kind.lists.items()}
    fields: dict[str, Any] = {}
    for name, field in kind.model_fields.items():
        if name == "criterion":
            fields[name] = (Literal[field.default], Field(description="which weights are removed"))
        elif lists.get(name) in _AMOUNTS:
            continue
        elif name in lists:
            fields[lists[name]] = _list_of(name, field)
        else:
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
