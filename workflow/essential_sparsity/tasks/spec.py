"""Specs of task data: the source of the examples, their kind, and their preprocessing."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import Field

from essential_sparsity.checkpoints.spec import Repository, Revision
from essential_sparsity.support.spec import Spec
from essential_sparsity.tasks.examples import Examples, known_kinds


class HubData(Spec):
    """A data set of a hub, at a commit, or at a branch or tag that the lock file pins."""

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


class Digits(Spec):
    """Scikit-learn's handwritten digits: 1,797 grey images of 8 × 8 pixels, inside the library."""

    kind: Literal["digits"]


class LocalFiles(Spec):
    """Files of this machine, one a split: CSV, JSON lines or Parquet."""

    kind: Literal["files"]
    train: str = Field(description="absolute, or relative to the repository's root")
    evaluation: str


Data = Annotated[HubData | PythonDocs | Digits | LocalFiles, Field(discriminator="kind")]

if TYPE_CHECKING:
    AnyExamples = Examples
else:
    AnyExamples = Annotated[
        Union[tuple(known_kinds().values())],  # noqa: UP007
        Field(discriminator="kind"),
    ]

PREPROCESSING = ("max_length", "stride", "image_size")


class TaskDataSpec(Spec):
    """One task's examples for one tokenizer or image processor, at one length or size."""

    version: int = Field(ge=1)
    data: Data
    examples: AnyExamples
    hold_out: int | float | None = Field(
        default=None,
        gt=0,
        description="training examples set aside: their number, or their share if below 1",
    )
    score_on: Literal["evaluation", "held-out"] = Field(
        default="evaluation", description="held-out: score on the examples that are set aside"
    )
    max_length: int | None = Field(default=None, ge=4, description="tokens kept of an example")
    stride: int | None = Field(
        default=None, ge=0, description="tokens that neighbouring windows of a context share"
    )
    image_size: int | None = Field(
        default=None, ge=1, description="height and width in pixels; else the processor's own"
    )

    def below(self, root: Path) -> "TaskDataSpec":
        """Return the spec with relative files put below `root`."""
        if not isinstance(self.data, LocalFiles):
            return self
        files = {split: str(root / getattr(self.data, split)) for split in ("train", "evaluation")}
        return self.model_copy(update={"data": self.data.model_copy(update=files)})

    @property
    def preprocessing(self) -> dict[str, Any]:
        """The keys that say how an example of this kind is made ready, with their values."""
        return {key: getattr(self, key) for key in self.examples.preprocessing}
