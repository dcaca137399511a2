"""One text or two, and a class."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from essential_sparsity.tasks.columns import classes_of
from essential_sparsity.tasks.examples import Built, Examples, Fields, Labels
from essential_sparsity.tasks.source import Source


class TextClassification(Examples):
    """One text or two, and a class."""

    preprocessing: ClassVar[tuple[str, ...]] = ("max_length",)
    reads: ClassVar[str] = "classes"

    kind: Literal["text-classification"]
    fields: Fields
    label: str = Field(default="label", description="the column of labels: numbers or names")
    labels: Labels = None

    def build(
        self, source: Source, sizes: Mapping[str, Any], checkpoint: Path, folder: Path
    ) -> Built:
        """Tokenise the texts and number the classes."""
        from essential_sparsity.tasks.tokens import build_texts

        labels, targets = classes_of(source, self.label, self.labels)
        return build_texts(source, sizes["max_length"], checkpoint, self.fields, targets, labels)


EXAMPLES = TextClassification
