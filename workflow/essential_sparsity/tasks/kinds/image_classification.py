"""An image, and a class."""

from pathlib import Path

import pyarrow as pa

from essential_sparsity.tasks.columns import class_names, classes_of
from essential_sparsity.tasks.images import ImageColumn, ImageProcessor, write_pixels
from essential_sparsity.tasks.kinds import Built
from essential_sparsity.tasks.source import SPLITS, Source
from essential_sparsity.tasks.spec import ImageClassification, TaskDataSpec


def build(source: Source, spec: TaskDataSpec, checkpoint: Path, folder: Path) -> Built:
    """Number the classes, and write the pixels into a file a split, beside the tables.

    A table's column `row` says where an example's pixels are in that file.

    Raises:
        UserError: see `class_names`, `classes_of`, `ImageProcessor`, `ImageColumn` and
            `write_pixels`.
    """
    examples = spec.examples
    assert isinstance(examples, ImageClassification)
    labels = class_names(source, examples.label, examples.labels)
    targets = {split: classes_of(source, split, examples.label, labels) for split in SPLITS}
    images = {split: ImageColumn(source, split, examples.image) for split in SPLITS}
    processor = ImageProcessor(checkpoint, spec.image_size)
    tables = {}
    for split in SPLITS:
        write_pixels(folder / f"{split}.npy", images[split], processor)
        tables[split] = pa.table(
            {
                "id": source.splits[split].column("id").cast(pa.string()),
                "row": pa.array(range(len(images[split])), pa.int64()),
                "label": pa.array(targets[split]),
            }
        )
    facts = {
        "pixels": {split: f"{split}.npy" for split in SPLITS},
        "image_shape": list(processor.shape),
    }
    return Built(tables, processor.sha256, labels, facts)
