"""Image processors as checkpoints bring them along, and tables of images to see through."""

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}

# What the files of real checkpoints say, in small.
PROCESSORS: dict[str, dict[str, Any]] = {
    "vit": {},
    "dino": {**IMAGENET, "feature_extractor_type": "ViTFeatureExtractor", "resample": 2},
    "renamed": {"image_processor_type": "ViTFeatureExtractor"},
    "fast": {"image_processor_type": "ViTImageProcessorFast"},
    "deit": {
        **IMAGENET,
        "feature_extractor_type": "DeiTFeatureExtractor",
        "resample": 3,
        "size": 20,
        "do_center_crop": True,
        "crop_size": 16,
    },
}


def encode(image: Image.Image, format: str = "PNG") -> bytes:
    """Return the bytes of the image's file."""
    file = io.BytesIO()
    image.save(file, format=format)
    return file.getvalue()


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (5, 4)) -> bytes:
    """Return the file of an image of one colour."""
    return encode(Image.new("RGB", size, colour))


def table(files: list[bytes | None], labels: list[int] | None = None) -> pa.Table:
    """Return images as 🤗 datasets stores them, with labels 0, 1, 0, …"""
    images = [{"bytes": file, "path": None} for file in files]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    numbers = labels or [row % 2 for row in range(len(files))]
    return pa.table({"image": pa.array(images, kind), "label": pa.array(numbers, pa.int64())})


def document(folder: Path, train: pa.Table, evaluation: pa.Table, **changes: Any) -> dict[str, Any]:
    """Write two tables into `folder`, and return the spec of their task."""
    data = {"train": train, "evaluation": evaluation}
    for split, rows in data.items():
        pq.write_table(rows, folder / f"{split}.parquet")
    return {
        "version": 1,
        "data": {"kind": "files", **{s: str(folder / f"{s}.parquet") for s in data}},
        "examples": {"kind": "image-classification", "labels": ["no", "yes"]},
        **changes,
    }
