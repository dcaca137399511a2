"""Images and classes."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset
from transformers import AutoModelForImageClassification, PreTrainedModel

from essential_sparsity.runs.heads.head import Classes, Rows
from essential_sparsity.tasks.images import ImageProcessor


class ImageClassification(Classes):
    """A linear head on the [CLS] token; pixels are normalised as the checkpoint wants them."""

    auto_class = AutoModelForImageClassification
    preprocessor = "image processor"

    # Whether the images have another size than the model was pre-trained on.
    _resized = False

    @cached_property
    def processor(self) -> ImageProcessor:
        """The checkpoint's image processor, at the recipe's size."""
        return ImageProcessor(self.checkpoint, self.recipe.image_size)

    def preprocessor_digest(self) -> str:
        """Return that of the image processor's geometry."""
        return self.processor.sha256

    def configure(self, model: PreTrainedModel) -> None:
        """Have position embeddings interpolated where the images' size is not the model's own."""
        size = getattr(model.config, "image_size", None)
        own = tuple(size) if isinstance(size, list | tuple) else (size, size)
        self._resized = own != self.processor.shape[1:]

    def dataset(self, table: pa.Table, split: str) -> Dataset[dict[str, Any]]:
        """Return the rows with their pixels, read from the disk as they are asked for."""
        file = self.task.folder / Path(self.task.document["pixels"][split]).name
        return _PixelRows(np.load(file, mmap_mode="r"), table)

    def collate(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """Return `pixel_values` (batch, 3, height, width), float32, and `labels` (batch,)."""
        pixels = np.stack([example["pixel_values"] for example in examples])
        return {
            "pixel_values": torch.from_numpy(self.processor.values(pixels)),
            "labels": torch.tensor([example["labels"] for example in examples]),
            **({"interpolate_pos_encoding": True} if self._resized else {}),
        }


class _PixelRows(Rows):
    """The rows of a task's table with their pixels, (3, height, width) of uint8."""

    def __init__(self, pixels: NDArray[np.uint8], table: pa.Table) -> None:
        super().__init__(table, labels="label", pixel_values="row")
        self._pixels = pixels

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = super().__getitem__(index)
        return {**row, "pixel_values": self._pixels[row["pixel_values"]]}


HEAD = ImageClassification
