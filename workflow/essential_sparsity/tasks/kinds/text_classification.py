"""One text or two, and a class."""

from pathlib import Path

from essential_sparsity.tasks.columns import class_names, classes_of
from essential_sparsity.tasks.kinds import Built
from essential_sparsity.tasks.source import SPLITS, Source
from essential_sparsity.tasks.spec import TaskDataSpec, TextClassification
from essential_sparsity.tasks.texts import build_texts


def build(source: Source, spec: TaskDataSpec, checkpoint: Path, folder: Path) -> Built:
    """Tokenise the texts and number the classes.

    Raises:
        UserError: see `class_names`, `classes_of` and `build_texts`.
    """
    examples = spec.examples
    assert isinstance(examples, TextClassification)
    labels = class_names(source, examples.label, examples.labels)
    targets = {split: classes_of(source, split, examples.label, labels) for split in SPLITS}
    return build_texts(source, spec, checkpoint, examples.fields, targets, labels)
