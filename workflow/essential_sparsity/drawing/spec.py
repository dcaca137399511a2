"""What models and tasks are called in figures and on pages, and what else a figure is told."""

from pydantic import Field

from essential_sparsity.support.spec import Spec


class Labels(Spec):
    """Labels by catalog name."""

    models: dict[str, str] = Field(default={}, description="catalog name → label")
    tasks: dict[str, str] = Field(default={}, description="catalog name → label")

    def model_label(self, name: str) -> str:
        """Return the label of the model, its catalog name if it has none."""
        return self.models.get(name, name)

    def task_label(self, name: str) -> str:
        """Return the label of the task, its catalog name if it has none."""
        return self.tasks.get(name, name)


class FigureSpec(Labels):
    """Labels by catalog name, and ε, in points, for the line that marks it.

    `models` also settles who gets which colour: every figure that is told the same names colours
    them alike, whichever of them it shows.
    """

    recipes: dict[str, str] = Field(
        default={}, description="identity of a recipe → its name in the catalog"
    )
    epsilon: float = Field(default=1.0, gt=0, description="in percentage points")
