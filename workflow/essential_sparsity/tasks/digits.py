"""Scikit-learn's handwritten digits, which come with the library: images without a download."""

import io

import pyarrow as pa
import sklearn
from PIL import Image
from sklearn.datasets import load_digits

from essential_sparsity.tasks.source import Source, lowest_hashes
from essential_sparsity.tasks.spec import Digits

_EVALUATION = 360  # about a fifth: the set has no split of its own


def load(data: Digits) -> Source:
    """Return 1,437 training images and 360 to score on, as PNG files of 8 × 8 grey pixels."""
    digits = load_digits()
    names = [f"digits/{row}" for row in range(len(digits.target))]
    held_out = set(lowest_hashes(names, _EVALUATION))
    rows: dict[str, list[dict[str, object]]] = {"train": [], "evaluation": []}
    for row, name in enumerate(names):
        # The library's levels are 0 to 16.
        pixels = (digits.images[row] * (255 / 16)).round().astype("uint8")
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, format="PNG")
        split = "evaluation" if row in held_out else "train"
        image = {"bytes": file.getvalue(), "path": None}
        rows[split].append({"id": name, "image": image, "label": int(digits.target[row])})
    schema = pa.schema(
        [
            ("id", pa.string()),
            ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
            ("label", pa.int64()),
        ]
    )
    splits = {split: pa.Table.from_pylist(found, schema) for split, found in rows.items()}
    classes = {"label": tuple(str(number) for number in range(10))}
    return Source(splits, classes, {"scikit-learn": sklearn.__version__})
