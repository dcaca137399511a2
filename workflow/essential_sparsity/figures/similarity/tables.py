"""How similar the masks of each model are, pair by pair: the table behind Figure 10's kind.

The counting is done once a model, by `essential_sparsity.similarity`; here the pairs of all models
are put together and the masks get the names that other tables give them.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from essential_sparsity.figures.similarity.spec import SimilaritySpec
from essential_sparsity.masks.spec import MaskLabel
from essential_sparsity.results.names import MASK_COLUMNS, mask_names
from essential_sparsity.similarity.measurement import SCHEMA as MEASURED
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.tables import read_table

_SIDES = ("a", "b")
_MEASURES = [field for field in MEASURED if field.name not in ("model", "mask_a", "mask_b")]

SCHEMA = pa.schema(
    [
        ("model", pa.string()),
        *((f"{name}_{side}", kind) for side in _SIDES for name, kind in MASK_COLUMNS),
        *_MEASURES,
    ]
)


def compute(root: Path, spec: SimilaritySpec) -> dict[str, pa.Table]:
    """Put the measurements of all models below `root` together, with columns that name the masks.

    Each of the columns `mask`, `family`, … `sparsity` is there twice, with `_a` for the first mask
    of the pair and `_b` for the second. A sparsity that nobody asked for, as of an imported mask,
    is the one that was counted.

    Raises:
        UserError: a model has no measurement, or it is missing, damaged, or lacks a pair.
    """
    tables = [_name_masks(root, spec, model) for model in spec.models]
    return {"similarity": pa.concat_tables(tables)}


def _name_masks(root: Path, spec: SimilaritySpec, model: str) -> pa.Table:
    if model not in spec.measurements:
        raise UserError(f"--spec: measurements: lacks the model '{model}'")
    path = root / spec.measurements[model]
    measured = read_table(path, set(MEASURED.names))
    _check_pairs(path, measured, spec, model)
    labels = [_with_sparsity(mask, measured) for mask in spec.masks]
    named = pa.Table.from_pylist([mask_names(label) for label in labels], pa.schema(MASK_COLUMNS))
    columns = {field.name: measured[field.name] for field in MEASURED}
    for side in _SIDES:
        places = pc.index_in(measured[f"mask_{side}"], value_set=named["mask"].combine_chunks())
        taken = named.take(places)
        columns |= {f"{name}_{side}": taken[name] for name, _ in MASK_COLUMNS}
    return pa.table({name: columns[name] for name in SCHEMA.names}, SCHEMA)


def _check_pairs(path: Path, measured: pa.Table, spec: SimilaritySpec, model: str) -> None:
    """Check that every two of the masks are there, of this model and once."""
    overall = measured.filter(pc.is_null(measured["matrix"]))
    found = [
        tuple(row.values()) for row in overall.select(["model", "mask_a", "mask_b"]).to_pylist()
    ]
    names = [mask.name for mask in spec.masks]
    wanted = [(model, a, b) for place, a in enumerate(names) for b in names[place + 1 :]]
    if found != wanted:
        odd = next(iter(set(wanted) ^ set(found)), wanted[0])
        raise UserError(
            f"{path}: does not hold every pair of the masks once, in their order (see "
            f"{', '.join(odd)}); delete it and run the study again"
        )


def _with_sparsity(mask: MaskLabel, measured: pa.Table) -> MaskLabel:
    """Return the label with the sparsity that was counted, where it says none."""
    if mask.sparsity is not None:
        return mask
    overall = measured.filter(pc.is_null(measured["matrix"]))
    for side in _SIDES:
        rows = overall.filter(pc.equal(overall[f"mask_{side}"], mask.name)).slice(0, 1).to_pylist()
        if rows:
            weights, kept = rows[0]["weights"], rows[0][f"kept_{side}"]
            sparsity = (weights - kept) / weights
            return mask.model_copy(update={"sparsity": sparsity})
    raise AssertionError(f"no pair has the mask '{mask.name}'")
