"""What a figure is told besides its tables: the words on it."""

from pydantic import Field

from essential_sparsity.labels import Labels


class FigureSpec(Labels):
    """Labels by catalog name, and ε, in points, for the line that marks it.

    `models` also settles who gets which colour: every figure that is told the same names colours
    them alike, whichever of them it shows.
    """

    recipes: dict[str, str] = Field(
        default={}, description="identity of a recipe → its name in the catalog"
    )
    epsilon: float = Field(default=1.0, gt=0, description="in percentage points")
