"""Images become pixels, with the image processor that came with the checkpoint."""

import hashlib
import io
import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.types as pat
from numpy.typing import NDArray
from PIL import Image, ImageOps
from transformers import AutoConfig, AutoImageProcessor
from transformers.utils import logging

from essential_sparsity.support.errors import UserError, one_line
from essential_sparsity.support.files import check_space
from essential_sparsity.tasks.columns import column_of
from essential_sparsity.tasks.source import Source

_BATCH = 64  # images in memory at a time
# What data sets hold. Pillow knows many more, and starts another program for some (EPS).
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")

# What a processor does to pixels' values, and what has no effect here: all images become RGB.
_OF_VALUES = frozenset(
    {"do_rescale", "rescale_factor", "do_normalize", "image_mean", "image_std", "do_convert_rgb"}
)
# Steps, and the settings that mean something only if the step is taken.
_STEPS = {
    "do_resize": ("size", "resample"),
    "do_center_crop": ("crop_size",),
    "do_pad": ("pad_size",),
}


class ImageProcessor:
    """A checkpoint's image processor, its work in two: the geometry once, the values at each use.

    Resizing and cropping yield `pixels`, uint8; rescaling and normalising turns them into `values`.
    Models whose processors differ in mean and deviation alone thus share pixels, and one half after
    the other gives, to the bit, what the processor gives in one.

    Attributes:
        sha256: digest of the geometry.
        shape: (3, height, width) of every image.
    """

    def __init__(self, checkpoint: Path, size: int | None) -> None:
        """Load from files only; no code that a checkpoint may carry is run.

        `size` is height and width of the images in pixels, None for the processor's own. What the
        processor crops from the resized image stays the same share of it.
        """
        self._processor, config = _load(checkpoint)
        patch = getattr(config, "patch_size", None)
        if size is not None and isinstance(patch, int) and size % patch:
            raise UserError(
                f"image_size: {size} is not a multiple of {patch}, the height and width of the "
                f"patches of {checkpoint}"
            )
        self._geometry = _geometry(self._processor.to_dict())
        if size is not None:
            if "size" not in self._geometry:
                raise UserError(
                    f"image_size: the image processor of {checkpoint} does not resize images"
                )
            self._geometry = _scaled(self._geometry, size)
        self.sha256 = hashlib.sha256(
            json.dumps(self._geometry, sort_keys=True).encode()
        ).hexdigest()
        shapes = {self.pixels([Image.new("RGB", sides)]).shape[1:] for sides in ((2, 1), (1, 2))}
        if len(shapes) > 1:
            raise UserError(
                f"{checkpoint}: its image processor keeps the images' own shapes (size: "
                f"{self._geometry.get('size', 'none')}, no crop); all have to have one shape"
            )
        self.shape: tuple[int, ...] = shapes.pop()

    def pixels(self, images: list[Image.Image]) -> NDArray[np.uint8]:
        """Return resized and cropped images in colour: (images, 3, height, width)."""
        sizes = {key: self._geometry[key] for key in ("size", "crop_size") if key in self._geometry}
        found: NDArray[np.uint8] = self._processor(
            images,
            do_convert_rgb=True,
            do_rescale=False,
            do_normalize=False,
            return_tensors="np",
            **sizes,
        )["pixel_values"]
        return found

    def values(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return what a model is fed with: (images, 3, height, width), rescaled and normalised."""
        found = self._processor(
            list(pixels),
            input_data_format="channels_first",
            do_convert_rgb=False,
            return_tensors="np",
            **dict.fromkeys(_STEPS, False),
        )["pixel_values"]
        return np.asarray(found, dtype=np.float32)


def _load(checkpoint: Path) -> tuple[Any, Any]:
    """Return the checkpoint's processor that needs Pillow alone, and its configuration."""
    if not (checkpoint / "preprocessor_config.json").is_file():
        raise UserError(
            f"{checkpoint}: holds no preprocessor_config.json; a checkpoint for images needs one"
        )
    # It advises torchvision, whose pixels differ from Pillow's.
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        options = {"local_files_only": True, "trust_remote_code": False}
        config = AutoConfig.from_pretrained(checkpoint, **options)
        # Told the model's kind, it also loads what older releases called a feature extractor.
        processor = AutoImageProcessor.from_pretrained(  # type: ignore[no-untyped-call]
            checkpoint, config=config, backend="pil", **options
        )
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise UserError(
            f"{checkpoint}: its image processor cannot be loaded: {one_line(error)[:200]}"
        ) from None
    finally:
        logging.set_verbosity(verbosity)
    return processor, config


def _geometry(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that decide which pixels there are, those without effect left out."""
    idle = {key for step, keys in _STEPS.items() if not settings.get(step) for key in keys}
    return {
        key: int(value) if key == "resample" else value
        for key, value in settings.items()
        if value not in (None, False) and key not in _OF_VALUES | idle
    }


def _scaled(geometry: dict[str, Any], size: int) -> dict[str, Any]:
    """Return the geometry with images of `size` pixels, resized images before a crop to scale."""
    resized, crop = geometry["size"], geometry.get("crop_size")
    if crop is None:
        return {**geometry, "size": dict.fromkeys(resized, size)}
    scale = size / min(crop.values())
    scaled = {edge: round(scale * value) for edge, value in resized.items()}
    return {**geometry, "size": scaled, "crop_size": dict.fromkeys(crop, size)}


class ImageColumn:
    """A split's images, decoded one by one as they are asked for."""

    def __init__(self, source: Source, split: str, name: str) -> None:
        column = column_of(source, split, "image", name)
        kind = column.type
        if pat.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            column = pc.struct_field(column, "bytes")
        if not (pat.is_binary(column.type) or pat.is_large_binary(column.type)):
            raise UserError(
                f"{split} split: image: column '{name}' holds {kind}, not images: the bytes of "
                "files, or structs of bytes and path"
            )
        self._encoded = column
        self._ids = source.splits[split].column("id").to_pylist()
        self._where = f"{split} split: image: column '{name}'"

    def __len__(self) -> int:
        return len(self._encoded)

    def __iter__(self) -> Iterator[Image.Image]:
        for row, encoded in enumerate(self._encoded):
            yield self._decode(self._ids[row], encoded.as_py())

    def _decode(self, example: str, encoded: bytes | None) -> Image.Image:
        where = f"{self._where}, row '{example}'"
        if not encoded:
            raise UserError(f"{where}: there is no image")
        try:
            image = ImageOps.exif_transpose(Image.open(io.BytesIO(encoded), formats=_FORMATS))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise UserError(f"{where}: no image that can be decoded: {one_line(error)}") from None
        if image.mode[0] in "IF":
            raise UserError(f"{where}: more than 8 bits a channel (mode {image.mode})")
        return image


def write_pixels(path: Path, images: ImageColumn, processor: ImageProcessor) -> None:
    """Write the pixels of all images to `path`, an array file (images, 3, height, width) of uint8.

    A few images are in memory at a time, however many there are.
    """
    shape = (len(images), *processor.shape)
    size = int(np.prod(shape))
    check_space(path, size)
    print(f"{path.name}: {' × '.join(map(str, shape))}, {size / 1e9:.2f} GB", file=sys.stderr)
    with path.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        decoded = iter(images)
        while batch := list(islice(decoded, _BATCH)):
            file.write(processor.pixels(batch).tobytes())
