"""An image, and a class."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from essential_sparsity.tasks.columns import classes_of
from essential_sparsity.tasks.examples import Built, Examples, Labels
from essential_sparsity.tasks.source import SPLITS, Source


class ImageClassification(Examples):
    """An image, grey or in colour, and a class."""

    preprocessing: ClassVar[tuple[str, ...]] = ("image_size",)
    reads: ClassVar[str] = "classes"

    kind: Literal["image-classification"]
    image: str = Field(default="image", description="the column of images")
    label: str = Field(default="label", description="the column of labels: numbers or names")
    labels: Labels = None

    def build(
        self, source: Source, sizes: Mapping[str, Any], checkpoint: Path, folder: Path
    ) -> Built:
        """Number the classes, and write the pixels into a file a split, beside the tables.

        A table's column `row` says where an example's pixels are in that file.
        """
        from essential_sparsity.tasks.images import ImageColumn, ImageProcessor, write_pixels

        labels, targets = classes_of(source, self.label, self.labels)
        images = {split: ImageColumn(source, split, self.image) for split in SPLITS}
        processor = ImageProcessor(checkpoint, sizes["image_size"])
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


EXAMPLES = ImageClassification
