from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from essential_sparsity.figures import tables_stage
from essential_sparsity.figures.placement.spec import PlacementSpec
from essential_sparsity.figures.placement.tables import SCHEMA, compute
from essential_sparsity.masks.criteria.magnitude import Magnitude
from essential_sparsity.masks.spec import DENSE, MaskSpec
from essential_sparsity.support.errors import UserError

# name → shape, layer, module, part, removed weights
MATRICES = {
    "layer.0.q": ((3, 3), 0, "query", "attention", 1),
    "layer.0.up": ((5, 3), 0, "intermediate", "feed_forward", 6),
    "layer.1.q": ((3, 3), 1, "query", "attention", 0),
    "layer.1.up": ((5, 3), 1, "intermediate", "feed_forward", 5),
}
QUARTER = Magnitude(sparsity=0.25)
SPEC = PlacementSpec(models=("bert",))
FILES = [f"masks/bert/{QUARTER.name}.json", "checkpoints/bert/checkpoint.json"]


@dataclass
class Root:
    """The folder of all artifacts, and what writes them."""

    path: Path
    write_checkpoint: Any
    write_mask: Any

    def checkpoint(self, digest: str = "0" * 64, **changes: tuple[int, int]) -> None:
        matrices = {
            name: (changes.get(module, shape), layer, module, part)
            for name, (shape, layer, module, part, _) in MATRICES.items()
        }
        self.write_checkpoint(matrices, digest)

    def mask(self, spec: MaskSpec, at: MaskSpec | None = None) -> None:
        keeps = {name: np.ones(shape, dtype=bool) for name, (shape, *_) in MATRICES.items()}
        for name, (*_, removed) in MATRICES.items():
            keeps[name].ravel()[: 0 if spec == DENSE else removed] = False
        self.write_mask(keeps, spec, at)


@pytest.fixture
def artifacts(tmp_path: Path, write_checkpoint: Any, write_mask: Any) -> Root:
    made = Root(tmp_path, write_checkpoint, write_mask)
    made.checkpoint()
    made.mask(QUARTER)
    return made


@pytest.fixture
def root(artifacts: Root) -> Path:
    return artifacts.path


def test_placement_by_hand(root: Path) -> None:
    table = compute(root, FILES, SPEC)["placement"]
    assert table.schema == SCHEMA
    rows = table.to_pylist()
    assert rows[1] == {
        "model": "bert", "mask": "magnitude-global-s0.25", "family": "magnitude-global",
        "label": "magnitude, global", "criterion": "magnitude", "scope": "global", "pattern": None,
        "sparsity": 0.25, "matrix": "layer.0.up", "layer": 0,
        "module": "intermediate", "part": "feed_forward", "weights": 15, "removed": 6,
        "rate": 0.4, "share": 0.5, "base_share": 15 / 48,
    }  # fmt: skip
    assert table["matrix"].to_pylist() == list(MATRICES)
    assert table["removed"].to_pylist() == [1, 6, 0, 5]
    assert table["rate"].to_pylist() == [1 / 9, 6 / 15, 0, 5 / 15]
    assert sum(table["share"].to_pylist()) == pytest.approx(1)
    assert sum(table["base_share"].to_pylist()) == pytest.approx(1)


def test_a_mask_that_removes_nothing_has_shares_of_zero(artifacts: Root) -> None:
    artifacts.mask(DENSE)
    files = ["masks/bert/dense.json", *FILES]
    rows = compute(artifacts.path, files, SPEC)["placement"].to_pylist()
    assert [row["share"] for row in rows[:4]] == [0] * 4
    assert [row["mask"] for row in rows[4:]] == [QUARTER.name] * 4


def test_a_mask_of_another_checkpoint_is_refused(artifacts: Root, root: Path) -> None:
    artifacts.checkpoint(digest="1" * 64)
    with pytest.raises(UserError, match=r"s0\.25\.safetensors: was made from another version"):
        compute(root, FILES, SPEC)["placement"]


def test_other_shapes_are_refused(artifacts: Root, root: Path) -> None:
    artifacts.checkpoint(intermediate=(3, 5))
    with pytest.raises(UserError, match=r"s0\.25\.safetensors: was made from another version"):
        compute(root, FILES, SPEC)["placement"]


def test_a_mask_under_another_name_is_refused(artifacts: Root, root: Path) -> None:
    artifacts.mask(DENSE, at=QUARTER)
    with pytest.raises(UserError, match=r"s0\.25\.safetensors: holds the mask 'dense'"):
        compute(root, FILES, SPEC)["placement"]


def test_missing_artifacts(root: Path) -> None:
    (root / f"masks/bert/{QUARTER.name}.safetensors").unlink()
    with pytest.raises(UserError, match=r"s0\.25\.safetensors: no such mask file"):
        compute(root, FILES, SPEC)["placement"]
    (root / "checkpoints/bert/checkpoint.json").unlink()
    with pytest.raises(UserError, match=r"checkpoint\.json: no such file"):
        compute(root, FILES, SPEC)["placement"]


def test_command_line(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    Path("inputs").write_text("\n".join(FILES))
    arguments = [
        "stage",
        "essential_sparsity.figures.placement",
        "--spec",
        SPEC.canonical(),
        "--inputs",
        "inputs",
        "--output",
        "studies/s/e",
    ]
    monkeypatch.setattr("sys.argv", arguments)
    tables_stage.main()
    read = pq.read_table("studies/s/e/placement.parquet")
    assert read.equals(compute(root, FILES, SPEC)["placement"])
