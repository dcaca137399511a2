"""One text or two, and a number."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from essential_sparsity.tasks.columns import numbers_of
from essential_sparsity.tasks.examples import Built, Examples, Fields
from essential_sparsity.tasks.source import SPLITS, Source


class TextRegression(Examples):
    """One text or two, and a number."""

    preprocessing: ClassVar[tuple[str, ...]] = ("max_length",)
    reads: ClassVar[str] = "numbers"

    kind: Literal["text-regression"]
    fields: Fields
    label: str = Field(default="label", description="the column of numbers")

    def build(
        self, source: Source, sizes: Mapping[str, Any], checkpoint: Path, folder: Path
    ) -> Built:
        """Tokenise the texts and read the numbers."""
        from essential_sparsity.tasks.tokens import build_texts

        targets = {split: numbers_of(source, split, self.label) for split in SPLITS}
        return build_texts(source, sizes["max_length"], checkpoint, self.fields, targets)


EXAMPLES = TextRegression
