"""Specs of task data: the source of the examples, their kind, and their preprocessing."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from essential_sparsity.checkpoints.spec import Repository, Revision
from essential_sparsity.support.spec import Spec


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

Fields = Annotated[
    tuple[str, ...],
    Field(min_length=1, max_length=2, description="the column, or the two columns, of text"),
]
Labels = Annotated[
    tuple[str, ...] | None,
    Field(min_length=2, description="the classes' names, in index order; else the data's own"),
]


class TextClassification(Spec):
    """One text or two, and a class."""

    preprocessing: ClassVar[tuple[str, ...]] = ("max_length",)
    reads: ClassVar[str] = "classes"

    kind: Literal["text-classification"]
    fields: Fields
    label: str = Field(default="label", description="the column of labels: numbers or names")
    labels: Labels = None


class TextRegression(Spec):
    """One text or two, and a number."""

    preprocessing: ClassVar[tuple[str, ...]] = ("max_length",)
    reads: ClassVar[str] = "numbers"

    kind: Literal["text-regression"]
    fields: Fields
    label: str = Field(default="label", description="the column of numbers")


class QuestionAnswering(Spec):
    """A question, and a context that holds its answer as a span."""

    preprocessing: ClassVar[tuple[str, ...]] = ("max_length", "stride")
    reads: ClassVar[str] = "spans"

    kind: Literal["question-answering"]
    question: str = Field(default="question", description="the column of questions")
    context: str = Field(default="context", description="the column of contexts")
    answers: str = Field(
        default="answers", description="the column of answers: lists of text and answer_start"
    )


class ImageClassification(Spec):
    """An image, grey or in colour, and a class."""

    preprocessing: ClassVar[tuple[str, ...]] = ("image_size",)
    reads: ClassVar[str] = "classes"

    kind: Literal["image-classification"]
    image: str = Field(default="image", description="the column of images")
    label: str = Field(default="label", description="the column of labels: numbers or names")
    labels: Labels = None


Examples = Annotated[
    TextClassification | TextRegression | QuestionAnswering | ImageClassification,
    Field(discriminator="kind"),
]

PREPROCESSING = ("max_length", "stride", "image_size")


class TaskDataSpec(Spec):
    """One task's examples for one tokenizer or image processor, at one length or size."""

    version: int = Field(ge=1)
    data: Data
    examples: Examples
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
