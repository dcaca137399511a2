"""The table of a model's masks, pair by pair: counts, measures, and their chance levels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from essential_sparsity.checkpoints.manifest import Manifest, load_manifest
from essential_sparsity.masks.mask import check_made_from, load_header
from essential_sparsity.masks.registry import label_of
from essential_sparsity.masks.spec import MaskLabel
from essential_sparsity.masks.streaming import Progress
from essential_sparsity.outcomes.columns import MASK_COLUMNS, mask_names
from essential_sparsity.similarity import measures
from essential_sparsity.similarity.counts import Counts, PairCounts, compare_masks
from essential_sparsity.similarity.spec import MaskSetSpec
from essential_sparsity.stages import paths

_COUNT, _NUMBER, _TEXT = pa.int64(), pa.float64(), pa.string()

SCHEMA = pa.schema(
    [
        ("model", _TEXT),
        *((f"{name}_{side}", kind) for side in "ab" for name, kind in MASK_COLUMNS),
        ("matrix", _TEXT),
        ("layer", _COUNT),
        *((name, _TEXT) for name in ("module", "part")),
        *((name, _COUNT) for name in ("weights", "kept_a", "kept_b", "both_kept")),
        *((name, _NUMBER) for name in ("cosine", "chance", "kappa")),
        *((name, _NUMBER) for name in ("chance_layers", "kappa_layers")),
        *((name, _NUMBER) for name in ("overlap", "overlap_chance")),
        *((name, _NUMBER) for name in ("jaccard", "jaccard_chance")),
        *(("hamming", _COUNT), ("hamming_share", _NUMBER)),
        ("nesting_violations", _COUNT),
    ]
)


def measure_similarity(
    root: Path,
    spec: MaskSetSpec,
    model: str,
    threads: int | None = None,
    progress: Progress | None = None,
) -> pa.Table:
    """Compare every two of a model's masks below `root`, in the order in which `spec` names them.

    A pair has a row for all matrices together, whose `matrix` is null, and then a row a matrix, in
    matrix order. A measure that is not defined (see `measures`) is null, as are `chance_layers` and
    `kappa_layers` of single matrices.
    """
    # Only names and shapes are read: what the stages before read, they have verified.
    manifest = load_manifest(root / paths.CHECKPOINT.format(model=model), verify=False)
    files = [root / paths.MASK.format(model=model, mask=name) for name in spec.masks]
    headers = [load_header(path) for path in files]
    for path, header in zip(files, headers, strict=True):
        check_made_from(path, header, manifest)
    labels = [label_of(header) for header in headers]
    return tabulate(model, labels, manifest, compare_masks(files, threads, progress))


def tabulate(
    model: str, masks: Sequence[MaskLabel], manifest: Manifest, counts: PairCounts
) -> pa.Table:
    """Return the table of `measure_similarity` for the counts of `masks`, of columns `SCHEMA`."""
    first, second = counts.pairs
    places = {matrix.name: matrix for matrix in manifest.matrices}
    rows = [None, *(places[name] for name in counts.matrices)]

    def of_rows(key: str) -> npt.NDArray[np.object_]:
        return np.array([row and getattr(row, key) for row in rows], object)[:, None]

    columns: dict[str, npt.NDArray[Any]] = {
        "model": np.array(model, object),
        **{
            f"{name}_{side}": np.array([mask_names(mask)[name] for mask in masks], object)[places]
            for side, places in (("a", first), ("b", second))
            for name, _ in MASK_COLUMNS
        },
        "matrix": of_rows("name"),
        **{key: of_rows(key) for key in ("layer", "module", "part")},
        **_measure(counts),
    }
    shape = (len(rows), first.size)
    return pa.table(
        {
            # Pair by pair; what is not a number is not defined.
            name: pa.array(
                np.broadcast_to(columns[name], shape).T.ravel(), SCHEMA.field(name).type,
                from_pandas=True,
            )
            for name in SCHEMA.names
        },
        SCHEMA,
    )  # fmt: skip


def _measure(counts: PairCounts) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of numbers, (1 + matrices, pairs) each: all together, then each matrix."""
    matrices, whole = _counts_of_pairs(counts), _counts_of_pairs(counts.overall())
    n, a, b, both = (np.concatenate(parts) for parts in zip(whole, matrices, strict=True))
    violations = measures.nesting_violations(*matrices[1:])
    hamming = measures.hamming(a, b, both)
    return {
        "weights": n,
        "kept_a": a,
        "kept_b": b,
        "both_kept": both,
        "cosine": measures.cosine(a, b, both),
        "chance": measures.chance_cosine(n, a, b),
        "kappa": measures.kappa(n, a, b, both),
        "chance_layers": _first_row(measures.chance_cosine_by_layer(*matrices[:3]), n.shape),
        "kappa_layers": _first_row(measures.kappa_by_layer(*matrices), n.shape),
        "overlap": measures.overlap(n, a, b, both),
        "overlap_chance": measures.chance_overlap(n, a, b),
        "jaccard": measures.jaccard(n, a, b, both),
        "jaccard_chance": measures.chance_jaccard(n, a, b),
        "hamming": hamming,
        "hamming_share": hamming / n,
        "nesting_violations": np.concatenate([violations.sum(axis=0, keepdims=True), violations]),
    }


def _counts_of_pairs(counts: PairCounts) -> tuple[Counts, Counts, Counts, Counts]:
    """Return n, kₐ, k_b and k of the pairs, (matrices, pairs) each."""
    first, second = counts.pairs
    kept = counts.kept
    weights = np.broadcast_to(counts.weights[:, None], (len(counts.matrices), first.size))
    return weights, kept[:, first], kept[:, second], counts.both_kept[:, first, second]


def _first_row(values: measures.Floats, shape: tuple[int, ...]) -> measures.Floats:
    rows = np.full(shape, np.nan)
    rows[0] = values
    return rows
