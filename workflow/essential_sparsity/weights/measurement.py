"""Measures a checkpoint's prunable weights, layer by layer: each layer is read twice, in chunks.

The first time for moments, magnitudes and what lies below absolute thresholds; the second time for
what needs the first: thresholds relative to σ, and the density of the normalised weights.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import groupby
from operator import add
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.checkpoints.manifest import Matrix
from essential_sparsity.checkpoints.tensors import FORMATS, StoredTensor
from essential_sparsity.masks.keys import ReadKeys, check_finite
from essential_sparsity.masks.streaming import Chunk, Progress, chunks, ordered_map
from essential_sparsity.support.errors import UserError
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


@dataclass(frozen=True)
class Normalisation:
    """A weight w becomes (w − `shift`) / `scale`."""

    shift: float
    scale: float

    @classmethod
    def of(cls, scaling: Scaling, moments: Moments) -> "Normalisation":
        """Return the normalisation of the weights, taken as one vector, that have these moments.

        As in scikit-learn, a scale of 0 is taken for 1.
        """
        shift, scale = _SCALINGS[scaling](moments)
        return cls(shift, scale or 1.0)


_SCALINGS: dict[Scaling, Callable[[Moments], tuple[float, float]]] = {
    "max-abs": lambda moments: (0.0, moments.largest),
    "standard": lambda moments: (moments.mean, moments.sigma),
    # Times √n, so that layers of different size compare: a vector's entries shrink with its length.
    "l2": lambda moments: (0.0, moments.norm / math.sqrt(moments.count)),
}


Counts = npt.NDArray[np.int64]
_Found = TypeVar("_Found")

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


@dataclass(frozen=True)
class _Reading:
    """Passes over a checkpoint's matrices that hand each chunk's weights to a function."""

    checkpoint: Checkpoint
    threads: int | None
    progress: Progress | None

    def open(self, matrix: Matrix) -> ReadKeys:
        """Return the reader of the matrix's rows as stored."""
        if matrix.dtype not in FORMATS:
            raise UserError(
                f"{matrix.name}: stored as {matrix.dtype}; weights are measured in "
                f"{', '.join(FORMATS)}"
            )
        return self.checkpoint.rows(matrix)

    def over(
        self, matrices: Sequence[Matrix], look: Callable[[int, Values], _Found]
    ) -> Iterator[tuple[int, _Found]]:
        """Yield (place in `matrices`, `look(place, weights)`), in order, for every chunk."""

        def work(chunk: Chunk) -> tuple[Chunk, _Found]:
            return chunk, look(chunk.index, _values(chunk))

        for chunk, found in ordered_map(work, chunks(self, matrices), self.threads):
            yield chunk.index, found
            if self.progress:
                self.progress((chunk.stop - chunk.start) * chunk.matrix.shape[1])


def measure_weights(
    checkpoint: Checkpoint,
    model: str,
    spec: WeightsSpec,
    threads: int | None = None,
    progress: Progress | None = None,
) -> pa.Table:
    """Measure every prunable matrix, every layer and the whole (paper, Figure 7).

    Args:
        checkpoint: its weights are float16, bfloat16, float32 or float64.
        model: what it is called, in every row.
        spec: the normalisation and the thresholds.
        threads: as many as there are cores if None; the result does not depend on it.
        progress: called with numbers of weights, twice for every weight.

    Returns:
        The columns of `table.SCHEMA`: a row for the model, then for each layer one and one for each
        of its matrices. The model's and the layers' measures are of all their weights as one
        vector, and not means of their parts'.

    Raises:
        UserError: a weight is NaN or infinite, or a file is damaged.
    """
    reading = _Reading(checkpoint, threads, progress)
    layers: list[Tally] = []
    rows: list[dict[str, Any]] = []
    for layer, members in groupby(checkpoint.matrices, key=lambda matrix: matrix.layer):
        matrices = tuple(members)
        tallies = _tally(reading, matrices, spec)
        normalisation = Normalisation.of(spec.scaling, reduce(add, tallies).moments)
        edges = _edges(reduce(add, tallies), normalisation)
        counts = _look_again(reading, matrices, tallies, spec, normalisation, edges)
        layers.append(reduce(add, tallies))
        rows.append(
            {
                "level": "layer",
                "layer": layer,
                **layers[-1].row(),
                "shift": normalisation.shift,
                "scale": normalisation.scale,
                "edges": edges.tolist(),
                "counts": counts.tolist(),
            }
        )
        for matrix, tally in zip(matrices, tallies, strict=True):
            place = {"matrix": matrix.name, "module": matrix.module, "part": matrix.part}
            rows.append({"level": "matrix", "layer": layer, **place, **tally.row()})
    rows.insert(0, {"level": "model", **reduce(add, layers).row()})
    return pa.Table.from_pylist([{"model": model, **row} for row in rows], SCHEMA)


def _tally(reading: _Reading, matrices: Sequence[Matrix], spec: WeightsSpec) -> list[Tally]:
    """Read a layer for the first time; return a tally a matrix, without what is relative to σ."""
    tallies: dict[int, Tally] = {}
    for index, found in reading.over(matrices, lambda _, values: Tally.of(values, spec)):
        tallies[index] = tallies[index] + found if index in tallies else found
    return [tallies[index] for index in range(len(matrices))]


def _look_again(
    reading: _Reading,
    matrices: Sequence[Matrix],
    tallies: Sequence[Tally],
    spec: WeightsSpec,
    normalisation: Normalisation,
    edges: Values,
) -> Counts:
    """Read a layer again: complete `tallies`; return the normalised weights' counts by bin."""
    thresholds = [
        [share * tally.moments.sigma for share in spec.relative_thresholds] for tally in tallies
    ]

    def look(index: int, values: Values) -> tuple[Counts, Counts]:
        normalised = (values - normalisation.shift) / normalisation.scale
        counts, _ = np.histogram(normalised, len(edges) - 1, (edges[0], edges[-1]))
        return _count_below(values, thresholds[index]), counts.astype(np.int64)

    counts = np.zeros(len(edges) - 1, np.int64)
    for index, (relative, in_bins) in reading.over(matrices, look):
        tallies[index].relative[:] += relative
        counts += in_bins
    return counts


def _edges(layer: Tally, normalisation: Normalisation) -> Values:
    """Return the edges of the normalised weights' bins, symmetrical about 0."""
    largest = layer.moments.largest
    reach = min(layer.magnitudes.quantile(_COVERED), largest) or largest
    reach = reach / normalisation.scale or 1.0
    return np.linspace(-reach, reach, _BINS + 1)


def _count_below(values: Values, thresholds: Sequence[float]) -> Counts:
    """Return how many magnitudes are below each threshold."""
    magnitudes = np.abs(values)
    return np.array([(magnitudes < threshold).sum() for threshold in thresholds], np.int64)


def _values(chunk: Chunk) -> Values:
    """Read a chunk's weights, exactly, as one vector.

    Raises:
        UserError: one of them is NaN or infinite.
    """
    bits, matrix = chunk.keys(), chunk.matrix
    stored = StoredTensor(matrix.name, matrix.dtype, bits.shape, bits)
    values: Values = stored.values().astype(np.float64).ravel()
    if not np.isfinite(values).all():
        form = FORMATS[matrix.dtype]
        magnitudes = bits & bits.dtype.type((1 << (form.bits - 1)) - 1)
        check_finite(magnitudes, form.infinity, matrix, chunk.start)
    return values
