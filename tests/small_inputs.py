"""What the examples of the public names work on, made with numpy and pyarrow alone."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from miniature_checkpoints import to_bits, write_checkpoint

_SHAPES = [(16, 16)] * 4 + [(32, 16), (16, 32)]


def write_bert(folder: Path) -> None:
    """Write a BERT of two layers of six matrices, 4,096 weights."""
    draw = np.random.default_rng(0)
    matrices = [to_bits(draw.standard_normal(shape), "F32") for shape in _SHAPES * 2]
    write_checkpoint(folder, matrices)


def write_predictions(path: Path) -> None:
    """Write predictions of two seeds and 400 examples: 80 % right, fewer by 20 points at 80 %."""
    draw = np.random.default_rng(0)
    columns: dict[str, list[object]] = {
        name: [] for name in ("sparsity", "seed", "id", "label", "prediction")
    }
    easy = draw.random(400)
    for sparsity, share in ((0.0, 0.8), (0.4, 0.8), (0.8, 0.6)):
        for seed in (1, 2):
            right = 0.9 * easy + 0.1 * draw.random(400) < share
            columns["sparsity"] += [sparsity] * 400
            columns["seed"] += [seed] * 400
            columns["id"] += range(400)
            columns["label"] += [index % 2 for index in range(400)]
            columns["prediction"] += [
                index % 2 if is_right else 1 - index % 2 for index, is_right in enumerate(right)
            ]
    pq.write_table(pa.table(columns), path)
