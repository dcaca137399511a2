"""How many weights have which key, matrix by matrix: all that does not depend on the sparsity.

From it follow the thresholds of every sparsity and scope: exactly for keys of 15 bits, up to the
lower half of the key for keys of 31 bits. It is made in one pass and kept (`python -m
essential_sparsity.masks.histogram`), so that one more sparsity of a large model costs one pass.

On disk it is a safetensors file of three arrays, `bins` (uint16), `counts` (int64) and `ends`
(int64): the bins of matrix i that are not empty are those from `ends[i−1]` to `ends[i]`.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.masks.keys import (
    Magnitudes,
    Scores,
    bin_count,
    bin_of,
    bins_of,
    check_finite,
)
from essential_sparsity.masks.mask import REMEDY
from essential_sparsity.masks.streaming import Chunk, Progress, scan
from essential_sparsity.support.errors import UserError, run_stage
from essential_sparsity.support.files import BLANK, KEY, atomic_path, check_seal, seal
from essential_sparsity.support.fingerprint import fingerprint
from essential_sparsity.support.progress import weights_bar

STAGE = "essential_sparsity.masks.histogram"
FORMAT_VERSION = 1
_KEY = "histogram"

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Histogram:
    """Counts of keys, (matrices, bins), of keys of `bits` bits, of one checkpoint."""

    checkpoint: str
    bits: int
    selected_on: str
    counts: Counts

    def save(self, path: Path) -> None:
        """Write the histogram to `path`, whole or not at all."""
        rows, bins = np.nonzero(self.counts)
        document = {
            "format_version": FORMAT_VERSION,
            "checkpoint": self.checkpoint,
            "bits": self.bits,
            "selected_on": self.selected_on,
            "code": fingerprint(STAGE),
            KEY: BLANK,
        }
        arrays: dict[str, npt.NDArray[Any]] = {
            "bins": bins.astype(np.uint16),
            "counts": self.counts[rows, bins],
            "ends": np.cumsum(np.bincount(rows, minlength=len(self.counts))).astype(np.int64),
        }
        with atomic_path(path) as temporary:
            temporary.write_bytes(save(arrays, metadata={_KEY: json.dumps(document)}))
            seal(temporary)

    @classmethod
    def load(cls, path: Path, checkpoint: Checkpoint) -> "Histogram":
        """Read the histogram of `checkpoint` and check it against the matrices' sizes."""
        try:
            check_seal(path)
            with safe_open(path, framework="numpy") as file:
                document = json.loads((file.metadata() or {})[_KEY])
                arrays = {name: file.get_tensor(name) for name in ("bins", "counts", "ends")}
        except FileNotFoundError:
            raise UserError(f"{path}: no such histogram file") from None
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            raise UserError(f"{path}: not a whole histogram file ({error}); {REMEDY}") from None
        matrices = checkpoint.matrices
        if not isinstance(document, dict):
            document = {}
        bits, ends = document.get("bits"), arrays["ends"]
        if (
            document.get("format_version") != FORMAT_VERSION
            or bits not in (15, 31)
            or len(ends) != len(matrices)
            or len(arrays["bins"]) != ends[-1]
        ):
            raise UserError(f"{path}: not a histogram of format {FORMAT_VERSION}; {REMEDY}")
        if document["checkpoint"] != checkpoint.manifest.sha256:
            raise UserError(f"{path}: was made from another checkpoint; {REMEDY}")
        counts = np.zeros((len(matrices), bin_count(bits)), np.int64)
        rows = np.repeat(np.arange(len(matrices)), np.diff(ends, prepend=0))
        counts[rows, arrays["bins"]] = arrays["counts"]
        sizes = [matrix.size for matrix in matrices]
        if counts.sum(axis=1).tolist() != sizes or counts.min() < 0:
            raise UserError(f"{path}: its counts are not those of the matrices; {REMEDY}")
        return cls(document["checkpoint"], bits, document["selected_on"], counts)


def count_keys(
    checkpoint: Checkpoint,
    scores: Scores,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Histogram:
    """Count the keys of every prunable matrix: one pass."""
    bins = bin_count(scores.bits)
    sound = bins if scores.infinity is None else bin_of(scores.infinity, scores.bits)

    def count(chunk: Chunk) -> Counts:
        keys = chunk.keys()
        found = np.bincount(bins_of(keys, scores.bits).ravel(), minlength=bins)
        if found[sound:].any():
            check_finite(keys, scores.infinity, chunk.matrix, chunk.start)
        return found

    counts = np.zeros((len(checkpoint.matrices), bins), np.int64)
    for chunk, found in scan(scores.open, checkpoint.matrices, count, threads, progress):
        counts[chunk.index] += found
    return Histogram(checkpoint.manifest.sha256, scores.bits, scores.selected_on, counts)


def main() -> None:
    """Count the magnitudes of a checkpoint's weights and keep the counts."""
    parser = argparse.ArgumentParser(prog=f"python -m {STAGE}", description=main.__doc__)
    parser.add_argument("--checkpoint", required=True, type=Path, help="a checkpoint's folder")
    parser.add_argument("--output", required=True, type=Path, help="the .safetensors to write")
    parser.add_argument("--threads", type=int, help="as many as there are cores if not given")
    arguments = parser.parse_args()
    with Checkpoint.load(arguments.checkpoint) as checkpoint:
        weights = checkpoint.manifest.prunable_count
        with weights_bar("counting", weights) as progress:
            histogram = count_keys(checkpoint, Magnitudes(checkpoint), arguments.threads, progress)
    histogram.save(arguments.output)
    print(f"{arguments.output}: {weights:,} weights counted", file=sys.stderr)


if __name__ == "__main__":
    run_stage(main)
