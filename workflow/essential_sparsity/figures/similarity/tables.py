"""How similar the masks of each model are, pair by pair: the table behind Figure 10's kind.

The counting is done once a model, by `essential_sparsity.similarity`; here the pairs of all models
are put together.
"""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from essential_sparsity.similarity.measurement import SCHEMA
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.spec import Spec
from essential_sparsity.support.tables import origin_of, read_table

_PAIR = ("model", "mask_a", "mask_b")


def compute(root: Path, files: Sequence[str], spec: Spec) -> dict[str, pa.Table]:
    """Put the measurements `files` below `root` together: the table `similarity`."""
    del spec  # the measurements say all
    tables = [_load(root / file) for file in files]
    return {"similarity": pa.concat_tables(tables)}


def _load(path: Path) -> pa.Table:
    """Read a model's measurement, in which every two of its masks are to be, and once."""
    table = read_table(path, set(SCHEMA.names))
    overall = table.filter(pc.is_null(table["matrix"]))
    found = list(zip(*(overall[name].to_pylist() for name in _PAIR), strict=True))
    model, masks = path.parent.name, origin_of(table).get("spec", {}).get("masks", ())
    wanted = [(model, *pair) for pair in combinations(masks, 2)]
    if found != wanted:
        odd = next(iter(set(wanted) ^ set(found)), wanted[0])
        raise UserError(
            f"{path}: does not hold every pair of the masks once, in their order (see "
            f"{', '.join(odd)}); delete it and run the study again"
        )
    return pa.table({name: table[name] for name in SCHEMA.names}, SCHEMA)
