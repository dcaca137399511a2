"""What a data source yields: columns of two splits, before any tokenizer has seen them."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

SPLITS = ("train", "evaluation")


@dataclass(frozen=True)
class Source:
    """The raw examples of a task.

    Attributes:
        splits: `train` and `evaluation`, each with the columns of texts or images, the column of
            labels (numbers or names of classes) and a column `id` of stable names, unique over
            both.
        classes: by column of labels, the classes' names in the order of their numbers, as far as
            the source declares them.
        origin: what identifies the data (revision, hashes, versions), for the manifest.
    """

    splits: dict[str, pa.Table]
    classes: dict[str, tuple[str, ...]]
    origin: dict[str, Any]
