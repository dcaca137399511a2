"""What a study's verdicts depend on: the claims, and what its tables do not say of themselves."""

from pydantic import Field

from essential_sparsity.claims.entry import ClaimEntry, Trait
from essential_sparsity.support.spec import Name, Spec


class ModelFacts(Spec):
    """A pre-trained model of the study."""

    label: str
    traits: tuple[Trait, ...] = ()


class TrainedMask(Spec):
    """What training found a mask: on which task, by which recipe (its identity), which seed."""

    task: Name
    recipe: str
    seed: int
    plain: bool = Field(description="without options that depart from the paper's tickets")


class ClaimsSpec(Spec):
    """The claims that a study may speak to, the tables that it has for them, and facts of both."""

    claims: dict[Name, ClaimEntry]
    experiments: dict[Name, tuple[str, ...]] = Field(description="experiment → its tables")
    figures: dict[Name, tuple[str, ...]] = Field(
        default={}, description="kind of figure → the tables that an experiment of it has"
    )
    models: dict[Name, ModelFacts] = Field(
        description="the pre-trained ones: random starts are out"
    )
    tasks: dict[Name, str] = Field(default={}, description="task → label")
    recipes: dict[Name, str] = Field(
        default={}, description="task → identity of the recipe that is the paper's"
    )
    named: dict[str, str] = Field(
        default={}, description="identity of a recipe → its name in the catalog"
    )
    trained: dict[str, TrainedMask] = Field(default={}, description="mask → what it was found by")
    epsilon: float = Field(default=1.0, gt=0, description="drop that counts as none, in points")
    confidence: float = Field(default=0.95, gt=0.5, lt=1)

    def figures_with(self, tables: tuple[str, ...]) -> list[str]:
        """Return the kinds of figure whose experiments have these tables."""
        return [name for name, known in self.figures.items() if set(tables) <= set(known)]
