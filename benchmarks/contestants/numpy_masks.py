"""numpy: all weights in one array, all thresholds by one `numpy.partition`, packed bits."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file


def partition(checkpoint: str, output: str, sparsities: list[float]) -> None:
    """Make all masks; of weights that tie with a threshold, all stay."""
    Path(output).mkdir()
    tensors: dict[str, npt.NDArray[np.float32]] = {}
    for file in sorted(Path(checkpoint).glob("*.safetensors")):
        tensors |= load_file(file)
    magnitudes = np.concatenate([np.abs(weights).ravel() for weights in tensors.values()])
    ranks = [round(sparsity * magnitudes.size) for sparsity in sparsities]
    thresholds = np.partition(magnitudes, ranks)[ranks]
    for sparsity, threshold in zip(sparsities, thresholds, strict=True):
        packed = np.packbits(magnitudes >= threshold, bitorder="little")
        np.save(Path(output) / f"{sparsity}.npy", packed)
