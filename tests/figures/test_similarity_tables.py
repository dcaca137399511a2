"""The similarity table of a study: models put together, masks named."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from essential_sparsity.figures import tables_stage
from essential_sparsity.figures.kinds import FIGURE_KINDS
from essential_sparsity.figures.similarity.tables import compute
from essential_sparsity.masks.spec import MaskLabel
from essential_sparsity.outcomes.columns import mask_names
from essential_sparsity.similarity.measurement import SCHEMA as MEASURED
from essential_sparsity.support.errors import UserError, run_stage
from essential_sparsity.support.spec import Spec
from essential_sparsity.support.tables import write_table

MASKS = (
    MaskLabel(name="magnitude-global-s0.50", family="magnitude-global", label="magnitude, global",
              criterion="magnitude", scope="global", sparsity=0.5),
    MaskLabel(name="magnitude-2of4", family="magnitude-nof4", label="magnitude, N:4",
              criterion="magnitude", scope="N:4", pattern="2:4", sparsity=0.5),
    MaskLabel(name="imported-lottery", family="imported-lottery", label="imported, lottery",
              criterion="imported", scope="unknown"),
)  # fmt: skip
MODELS = ("bert", "vit")
SPEC = Spec()
FILES = [f"similarity/{model}/0123abcd.parquet" for model in MODELS]


def gather_similarity(root: Path, files: Sequence[str] = FILES) -> pa.Table:
    return compute(root, files, SPEC)["similarity"]


def measured(model: str, **changes: Any) -> list[dict[str, Any]]:
    """Return a model's measurement: two matrices, and cosines that tell the rows apart."""
    names = [mask.name for mask in MASKS]
    rows: list[dict[str, Any]] = []
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            for matrix in (None, "q", "up"):
                row: dict[str, Any] = dict.fromkeys(MEASURED.names)
                row |= {"model": model, "matrix": matrix}
                for side, mask in (("a", a), ("b", b)):
                    own = mask_names(next(one for one in MASKS if one.name == mask))
                    row |= {f"{name}_{side}": value for name, value in own.items()}
                row |= {"weights": 20, "kept_a": 10, "kept_b": 13 if b == names[2] else 10}
                row |= {"cosine": len(rows) / 10 + (model == "vit")}
                rows.append(row | changes)
    return rows


def write(root: Path, model: str, rows: list[dict[str, Any]]) -> Path:
    path = root / FILES[MODELS.index(model)]
    origin = {"spec": {"masks": [mask.name for mask in MASKS]}}
    write_table(path, pa.Table.from_pylist(rows, MEASURED), origin)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for model in MODELS:
        write(tmp_path, model, measured(model))
    return tmp_path


def test_the_registry_names_this_stage() -> None:
    kind = FIGURE_KINDS["similarity"]
    assert (kind.statistics, kind.tables) == (compute.__module__, ("similarity",))


def test_every_row_is_there_with_both_masks_named(root: Path) -> None:
    table = gather_similarity(root)
    assert table.schema == MEASURED
    rows = table.to_pylist()
    assert [row["model"] for row in rows] == ["bert"] * 9 + ["vit"] * 9
    assert np.allclose([row["cosine"] for row in rows[9:]], [1 + i / 10 for i in range(9)])
    third = rows[3]
    assert {k: third[k] for k in ("mask_a", "family_a", "label_a", "criterion_a", "scope_a")} == {
        "mask_a": "magnitude-global-s0.50", "family_a": "magnitude-global",
        "label_a": "magnitude, global", "criterion_a": "magnitude", "scope_a": "global",
    }  # fmt: skip
    assert (rows[0]["mask_b"], rows[0]["pattern_b"], rows[0]["sparsity_b"]) == (
        "magnitude-2of4", "2:4", 0.5,
    )  # fmt: skip
    assert (rows[0]["pattern_a"], rows[0]["kept_a"], rows[1]["matrix"]) == (None, 10, "q")


def test_a_missing_measurement_is_named(root: Path) -> None:
    (root / FILES[1]).unlink()
    with pytest.raises(UserError, match=r"similarity/vit/0123abcd\.parquet: no such file"):
        gather_similarity(root)


def test_measurements_of_other_masks_or_models_are_refused(root: Path) -> None:
    write(root, "vit", measured("bert"))
    with pytest.raises(UserError, match=r"vit/0123abcd\.parquet: does not hold every pair"):
        gather_similarity(root)
    write(root, "vit", measured("vit")[:6])
    with pytest.raises(UserError, match=r"every pair .* vit, magnitude-2of4, imported-lottery"):
        gather_similarity(root)
    write(root, "vit", measured("vit") * 2)
    with pytest.raises(UserError, match=r"every pair of the masks once"):
        gather_similarity(root)


def test_command_line(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    Path("inputs").write_text("\n".join(FILES))
    arguments = [
        "stage",
        "essential_sparsity.figures.similarity",
        "--spec",
        SPEC.canonical(),
        "--inputs",
        "inputs",
        "--output",
        "studies/s/e",
    ]
    monkeypatch.setattr("sys.argv", arguments)
    run_stage(tables_stage.main)
    assert pq.read_table("studies/s/e/similarity.parquet").equals(gather_similarity(root))
