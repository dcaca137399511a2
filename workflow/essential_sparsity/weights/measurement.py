"""Measures a checkpoint's prunable weights, layer by layer: each layer is read twice, in chunks.

The first time for moments, magnitudes and what lies below absolute thresholds; the second time for
what needs the first: thresholds relative to σ, and the density of the normalised weights.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from itertools import groupby
from operator import add
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.checkpoints.manifest import Matrix
from essential_sparsity.checkpoints.tensors import FORMATS, StoredTensor
from essential_sparsity.masks.keys import check_finite
from essential_sparsity.masks.streaming import Chunk, Progress, scan
from essential_sparsity.weights.moments import Magnitudes, Moments, Values
from essential_sparsity.weights.spec import Scaling, WeightsSpec

_NUMBERS, _COUNTS = pa.list_(pa.float64()), pa.list_(pa.int64())

# Where a row stands; what does not apply is null.
PLACE = [
    ("level", pa.string()),  # model, layer or matrix
    ("layer", pa.int64()),
    ("matrix", pa.string()),
    ("module", pa.string()),
    ("part", pa.string()),
]
MEASURES = [
    ("weights", pa.int64()),
    ("zeros", pa.int64()),
    ("mean", pa.float64()),
    ("sigma", pa.float64()),
    ("largest", pa.float64()),
    ("norm", pa.float64()),
    ("gini", pa.float64()),
    ("kurtosis", pa.float64()),
]
SCHEMA = pa.schema(
    [
        ("model", pa.string()),
        *PLACE,
        *MEASURES,
        ("near_zero", _COUNTS),  # for each of `thresholds`
        ("near_zero_relative", _COUNTS),  # for each of `relative_thresholds`
        ("shift", pa.float64()),  # of layers: a weight w becomes (w − shift) / scale
        ("scale", pa.float64()),
        ("edges", _NUMBERS),  # of layers: of the normalised weights' bins, one more than `counts`
        ("counts", _COUNTS),
    ]
)


# A layer's weight w becomes (w − shift) / scale; its weights are taken as one vector.
_SCALINGS: dict[Scaling, Callable[[Moments], tuple[float, float]]] = {
    "max-abs": lambda moments: (0.0, moments.largest),
    "standard": lambda moments: (moments.mean, moments.sigma),
    # Times √n, so that layers of different size compare: a vector's entries shrink with its length.
    "l2": lambda moments: (0.0, moments.norm / math.sqrt(moments.count)),
}


Counts = npt.NDArray[np.int64]
# A pass over matrices, see `scan`.
_Scan = Callable[[Sequence[Matrix], Callable[[Chunk], Any]], Iterator[tuple[Chunk, Any]]]

# An odd number: one bin lies around 0. Few enough that bfloat16's coarse steps show as no comb.
_BINS = 101
# The share of a layer's weights that the bins cover. Farther out a density cannot be told from 0 by
# eye, and the largest weight of a layer may lie a hundred standard deviations away.
_COVERED = 0.999


@dataclass(frozen=True)
class Tally:
    """What is known of some weights; tallies of parts add up to that of the whole.

    `below` counts |w| < τ, one an absolute threshold; `relative` counts |w| < τ·σ, where σ is that
    of the matrix which a weight is of.
    """

    moments: Moments
    magnitudes: Magnitudes
    zeros: int
    below: Counts
    relative: Counts

    @classmethod
    def of(cls, values: Values, spec: WeightsSpec) -> "Tally":
        """Return the tally of weights, (n,); `relative` is 0 until σ is known."""
        return cls(
            Moments.of(values),
            Magnitudes.of(values),
            zeros=int((values == 0).sum()),
            below=_count_below(values, spec.thresholds),
            relative=np.zeros(len(spec.relative_thresholds), np.int64),
        )

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.moments + other.moments,
            self.magnitudes + other.magnitudes,
            self.zeros + other.zeros,
            self.below + other.below,
            self.relative + other.relative,
        )

    def row(self) -> dict[str, Any]:
        """Return the measures, by the names of the table's columns."""
        return {
            "weights": self.moments.count,
            "zeros": self.zeros,
            "mean": self.moments.mean,
            "sigma": self.moments.sigma,
            "largest": self.moments.largest,
            "norm": self.moments.norm,
            "gini": self.magnitudes.gini(),
            "kurtosis": self.moments.kurtosis,
            "near_zero": self.below.tolist(),
            "near_zero_relative": self.relative.tolist(),
        }


def measure_weights(
    checkpoint: Checkpoint,
    model: str,
    spec: WeightsSpec,
    threads: int | None = None,
    progress: Progress | None = None,
) -> pa.Table:
    """Measure every prunable matrix, every layer and the whole (paper, Figure 7).

    The table has the columns of `SCHEMA`: a row for the model, then for each layer one and one for
    each of its matrices. The model's and the layers' measures are of all their weights as one
    vector, and not means of their parts'. The result does not depend on `threads`; `progress` hears
    of every weight twice.
    """
    read = partial(scan, checkpoint.rows, threads=threads, progress=progress)
    layers: list[Tally] = []
    rows: list[dict[str, Any]] = []
    for layer, members in groupby(checkpoint.matrices, key=lambda matrix: matrix.layer):
        matrices = tuple(members)
        tallies = _tally(read, matrices, spec)
        whole = reduce(add, tallies)
        shift, scale = _SCALINGS[spec.scaling](whole.moments)
        scale = scale or 1.0  # as in scikit-learn
        edges = _edges(whole, scale)
        counts = _look_again(read, matrices, tallies, spec, (shift, scale), edges)
        layers.append(reduce(add, tallies))
        rows.append(
            {
                "level": "layer",
                "layer": layer,
                **layers[-1].row(),
                "shift": shift,
                "scale": scale,
                "edges": edges.tolist(),
                "counts": counts.tolist(),
            }
        )
        for matrix, tally in zip(matrices, tallies, strict=True):
            place = {"matrix": matrix.name, "module": matrix.module, "part": matrix.part}
            rows.append({"level": "matrix", "layer": layer, **place, **tally.row()})
    rows.insert(0, {"level": "model", **reduce(add, layers).row()})
    return pa.Table.from_pylist([{"model": model, **row} for row in rows], SCHEMA)


def _tally(read: _Scan, matrices: Sequence[Matrix], spec: WeightsSpec) -> list[Tally]:
    """Return a tally a matrix of a layer, without what is relative to σ."""
    tallies: dict[int, Tally] = {}
    for chunk, found in read(matrices, lambda chunk: Tally.of(_values(chunk), spec)):
        index = chunk.index
        tallies[index] = tallies[index] + found if index in tallies else found
    return [tallies[index] for index in range(len(matrices))]


def _look_again(
    read: _Scan,
    matrices: Sequence[Matrix],
    tallies: Sequence[Tally],
    spec: WeightsSpec,
    normalisation: tuple[float, float],
    edges: Values,
) -> Counts:
    """Read a layer again: complete `tallies`; return the normalised weights' counts by bin."""
    thresholds = [
        [share * tally.moments.sigma for share in spec.relative_thresholds] for tally in tallies
    ]

    shift, scale = normalisation

    def look(chunk: Chunk) -> tuple[Counts, Counts]:
        values = _values(chunk)
        normalised = (values - shift) / scale
        counts, _ = np.histogram(normalised, len(edges) - 1, (edges[0], edges[-1]))
        return _count_below(values, thresholds[chunk.index]), counts.astype(np.int64)

    counts = np.zeros(len(edges) - 1, np.int64)
    for chunk, (relative, in_bins) in read(matrices, look):
        tallies[chunk.index].relative[:] += relative
        counts += in_bins
    return counts


def _edges(layer: Tally, scale: float) -> Values:
    """Return the edges of the normalised weights' bins, symmetrical about 0."""
    largest = layer.moments.largest
    reach = min(layer.magnitudes.quantile(_COVERED), largest) or largest
    reach = reach / scale or 1.0
    return np.linspace(-reach, reach, _BINS + 1)


def _count_below(values: Values, thresholds: Sequence[float]) -> Counts:
    """Return how many magnitudes are below each threshold."""
    magnitudes = np.abs(values)
    return np.array([(magnitudes < threshold).sum() for threshold in thresholds], np.int64)


def _values(chunk: Chunk) -> Values:
    """Read a chunk's weights, exactly, as one vector; all must be finite."""
    bits, matrix = chunk.keys(), chunk.matrix
    stored = StoredTensor(matrix.name, matrix.dtype, bits.shape, bits)
    values: Values = stored.values().astype(np.float64).ravel()
    if not np.isfinite(values).all():
        form = FORMATS[matrix.dtype]
        magnitudes = bits & bits.dtype.type((1 << (form.bits - 1)) - 1)
        check_finite(magnitudes, form.infinity, matrix, chunk.start)
    return values
