"""The columns by which tables tell runs and masks apart, the same in all of them."""

from typing import Any

import pyarrow as pa

from essential_sparsity.masks.spec import MaskLabel

CURVE_COLUMNS = [("model", pa.string()), ("task", pa.string()), ("recipe", pa.string())]
FAMILY_COLUMNS = [(name, pa.string()) for name in ("family", "label", "criterion", "scope")]
MASK_COLUMNS = [
    ("mask", pa.string()),
    *FAMILY_COLUMNS,
    ("pattern", pa.string()),
    ("sparsity", pa.float64()),
]


def mask_names(mask: MaskLabel) -> dict[str, Any]:
    """Return a mask's columns: `mask`, `family`, `label`, `criterion`, … `sparsity`."""
    return {"mask": mask.name, **mask.model_dump(exclude={"name"})}


# The columns by which a run's own rows tell what they are of. A mask that training found on the
# run's own task, or with its seed, is a point of the curve of such masks as well as of its own: all
# curves that the run may be a point of, its mask's own first, are in `curves`.
_CURVE = [pa.field(name, pa.string()) for name in ("mask", "family", "label")]
RUN_COLUMNS = [
    *CURVE_COLUMNS,
    *MASK_COLUMNS,
    ("seed", pa.int64()),
    ("curves", pa.list_(pa.struct(_CURVE))),
]
