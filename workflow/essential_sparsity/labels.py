"""What models and tasks are called in figures and on pages."""

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
