"""Where a task's examples come from, and how they are turned into tokens."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from essential_sparsity.checkpoints.spec import Repository, Revision
from essential_sparsity.spec import Spec


class HubData(Spec):
    """A data set of a hub, at a pinned commit."""

    kind: Literal["hub"]
    repository: Repository
    revision: Revision
    config: str | None = None
    train: str = "train"
    evaluation: str = "validation"


class PythonDocs(Spec):
    """Text that every Python installation carries: docstrings and the language reference."""

    kind: Literal["python-docs"]
    view: Literal["topic", "pair"]


class LocalFiles(Spec):
    """Files of this machine, one a split: CSV, JSON lines or Parquet."""

    kind: Literal["files"]
    train: str = Field(description="absolute, or relative to the repository's root")
    evaluation: str


Data = Annotated[HubData | PythonDocs | LocalFiles, Field(discriminator="kind")]


class TaskDataSpec(Spec):
    """One task's examples for one tokenizer and one maximum length."""

    version: int = Field(ge=1)
    data: Data
    fields: tuple[str, ...] = Field(
        min_length=1, max_length=2, description="the column, or the two columns, of text"
    )
    label: str = Field(default="label", description="the column of labels")
    labels: tuple[str, ...] = Field(min_length=2, description="the classes' names, in index order")
    max_length: int = Field(ge=4, description="tokens kept of an example; the rest is cut")

    def below(self, root: Path) -> "TaskDataSpec":
        """Return the spec with relative files put below `root`."""
        if not isinstance(self.data, LocalFiles):
            return self
        files = {split: str(root / getattr(self.data, split)) for split in ("train", "evaluation")}
        return self.model_copy(update={"data": self.data.model_copy(update=files)})
