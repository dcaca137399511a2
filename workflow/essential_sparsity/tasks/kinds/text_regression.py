"""One text or two, and a number."""

from pathlib import Path

from essential_sparsity.tasks.columns import numbers_of
from essential_sparsity.tasks.kinds import Built
from essential_sparsity.tasks.source import SPLITS, Source
from essential_sparsity.tasks.spec import TaskDataSpec, TextRegression
from essential_sparsity.tasks.texts import build_texts


def build(source: Source, spec: TaskDataSpec, checkpoint: Path, folder: Path) -> Built:
    """Tokenise the texts and read the numbers.

    Raises:
        UserError: see `numbers_of` and `build_texts`.
    """
    examples = spec.examples
    assert isinstance(examples, TextRegression)
    targets = {split: numbers_of(source, split, examples.label) for split in SPLITS}
    return build_texts(source, spec, checkpoint, examples.fields, targets)
