import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from essential_sparsity.checkpoints.manifest import load_manifest
from essential_sparsity.errors import UserError
from essential_sparsity.masks.mask import Mask
from essential_sparsity.masks.spec import DENSE, MaskSpec
from essential_sparsity.statistics import placement
from essential_sparsity.statistics.placement import SCHEMA, compute_placement
from essential_sparsity.statistics.spec import PlacementSpec

# name → shape, layer, module, part, removed weights
MATRICES = {
    "layer.0.q": ((3, 3), 0, "query", "attention", 1),
    "layer.0.up": ((5, 3), 0, "intermediate", "feed_forward", 6),
    "layer.1.q": ((3, 3), 1, "query", "attention", 0),
    "layer.1.up": ((5, 3), 1, "intermediate", "feed_forward", 5),
}
QUARTER = MaskSpec(criterion="magnitude", sparsity=0.25)
SPEC = PlacementSpec(models=("bert",), masks=(QUARTER,))


def _write_checkpoint(root: Path, digest: str = "0" * 64, **changes: tuple[int, int]) -> None:
    matrices: list[dict[str, Any]] = [
        {"name": name, "shape": changes.get(module, shape), "dtype": "F32",
         "file": "model.safetensors", "layer": layer, "module": module, "part": part}
        for name, (shape, layer, module, part, _) in MATRICES.items()
    ]  # fmt: skip
    count = sum(m["shape"][0] * m["shape"][1] for m in matrices)
    document = {
        "format_version": 1, "architecture": "bert", "source": {"kind": "folder"},
        "files": {"model.safetensors": digest},
        "prunable": {"count": count, "matrices": matrices}, "parameters": {"count": 100},
    }  # fmt: skip
    folder = root / "checkpoints/bert"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "checkpoint.json").write_text(json.dumps(document))


def _write_mask(root: Path, spec: MaskSpec, at: MaskSpec | None = None) -> None:
    def keeps() -> Iterator[tuple[str, NDArray[np.bool_]]]:
        for name, (shape, *_, removed) in MATRICES.items():
            keep = np.ones(shape, dtype=bool)
            keep.ravel()[: 0 if spec == DENSE else removed] = False
            yield name, keep

    identity = load_manifest(root / "checkpoints/bert", verify=False).sha256
    mask = Mask.build(
        keeps(), spec, architecture="bert", checkpoint=identity, selected_on="F32", threshold=None
    )
    mask.save(root / f"masks/bert/{(at or spec).name}.safetensors")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    _write_checkpoint(tmp_path)
    _write_mask(tmp_path, QUARTER)
    return tmp_path


def test_placement_by_hand(root: Path) -> None:
    table = compute_placement(root, SPEC)
    assert table.schema == SCHEMA
    rows = table.to_pylist()
    assert rows[1] == {
        "model": "bert", "mask": "magnitude-global-s0.25", "criterion": "magnitude",
        "scope": "global", "sparsity": 0.25, "matrix": "layer.0.up", "layer": 0,
        "module": "intermediate", "part": "feed_forward", "weights": 15, "removed": 6,
        "rate": 0.4, "share": 0.5, "base_share": 15 / 48,
    }  # fmt: skip
    assert table["matrix"].to_pylist() == list(MATRICES)
    assert table["removed"].to_pylist() == [1, 6, 0, 5]
    assert table["rate"].to_pylist() == [1 / 9, 6 / 15, 0, 5 / 15]
    assert sum(table["share"].to_pylist()) == pytest.approx(1)
    assert sum(table["base_share"].to_pylist()) == pytest.approx(1)


def test_a_mask_that_removes_nothing_has_shares_of_zero(root: Path) -> None:
    _write_mask(root, DENSE)
    spec = PlacementSpec(models=("bert",), masks=(DENSE, QUARTER))
    rows = compute_placement(root, spec).to_pylist()
    assert [row["share"] for row in rows[:4]] == [0] * 4
    assert [row["mask"] for row in rows[4:]] == [QUARTER.name] * 4


def test_a_mask_of_another_checkpoint_is_refused(root: Path) -> None:
    _write_checkpoint(root, digest="1" * 64)
    with pytest.raises(UserError, match=r"s0\.25\.safetensors: was made from another version"):
        compute_placement(root, SPEC)


def test_other_shapes_are_refused(root: Path) -> None:
    _write_checkpoint(root, intermediate=(3, 5))
    with pytest.raises(UserError, match=r"s0\.25\.safetensors: was made from another version"):
        compute_placement(root, SPEC)


def test_a_mask_under_another_name_is_refused(root: Path) -> None:
    _write_mask(root, DENSE, at=QUARTER)
    with pytest.raises(UserError, match=r"s0\.25\.safetensors: holds the mask 'dense'"):
        compute_placement(root, SPEC)


def test_missing_artifacts(root: Path) -> None:
    (root / f"masks/bert/{QUARTER.name}.safetensors").unlink()
    with pytest.raises(UserError, match=r"s0\.25\.safetensors: no such mask file"):
        compute_placement(root, SPEC)
    (root / "checkpoints/bert/checkpoint.json").unlink()
    with pytest.raises(UserError, match=r"checkpoint\.json: no such file"):
        compute_placement(root, SPEC)


def test_command_line(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    arguments = ["placement", "--spec", SPEC.canonical(), "--output", "studies/s/e"]
    monkeypatch.setattr("sys.argv", arguments)
    placement.main()
    read = pq.read_table("studies/s/e/placement.parquet")
    assert read.equals(compute_placement(root, SPEC))
