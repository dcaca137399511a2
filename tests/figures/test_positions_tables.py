from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from essential_sparsity.figures import tables_stage
from essential_sparsity.figures.positions.spec import PositionsSpec
from essential_sparsity.figures.positions.tables import SCHEMAS, compute, dispersion
from essential_sparsity.masks.criteria.imported import Imported
from essential_sparsity.masks.criteria.magnitude import Magnitude
from essential_sparsity.masks.spec import DENSE, MaskSpec
from essential_sparsity.support.errors import UserError

Keeps = dict[str, NDArray[np.bool_]]

HALF = Magnitude(sparsity=0.5)
LAYERS = 5
SHAPES = {"query": (4, 6), "feed_forward_in": (5, 4)}
MATRICES = {
    f"{layer}.{module}": (
        shape,
        layer,
        module,
        "attention" if module == "query" else "feed_forward",
    )
    for layer in range(LAYERS)
    for module, shape in SHAPES.items()
}
# 1 is removed. Rows lose 6, 0, 3, 3 of 6 weights, columns 3, 3, 3, 1, 1, 1 of 4.
QUERY = [
    [1, 1, 1, 1, 1, 1],
    [0, 0, 0, 0, 0, 0],
    [1, 1, 1, 0, 0, 0],
    [1, 1, 1, 0, 0, 0],
]


def _spec(**fields: Any) -> PositionsSpec:
    return PositionsSpec(models=("bert",), **fields)


def compute_positions(
    root: Path, spec: PositionsSpec, mask: MaskSpec = HALF
) -> dict[str, pa.Table]:
    files = [f"masks/bert/{mask.name}.json", "checkpoints/bert/checkpoint.json"]
    return compute(root, files, spec)


def _keeps(**removed: Any) -> Keeps:
    keeps = {name: np.ones(shape, bool) for name, (shape, *_) in MATRICES.items()}
    return keeps | {name: np.array(gone) == 0 for name, gone in removed.items()}


@pytest.fixture
def root(tmp_path: Path, write_checkpoint: Any, write_mask: Any) -> Path:
    write_checkpoint(MATRICES)
    write_mask(_keeps(**{"0.query": QUERY}), HALF)
    return tmp_path


def test_blocks_by_hand(root: Path) -> None:
    tables = compute_positions(root, _spec(layers=(0,), modules=("query",), blocks=2))
    assert {name: table.schema for name, table in tables.items()} == SCHEMAS
    rows = tables["positions"].to_pylist()
    assert rows[0] == {
        "model": "bert", "mask": "magnitude-global-s0.50", "family": "magnitude-global",
        "label": "magnitude, global", "criterion": "magnitude", "scope": "global", "pattern": None,
        "sparsity": 0.5, "matrix": "0.query", "layer": 0, "module": "query", "part": "attention",
        "row_start": 0, "row_stop": 2, "column_start": 0, "column_stop": 3,
        "weights": 6, "removed": 3, "rate": 0.5,
    }  # fmt: skip
    edges = ("row_start", "row_stop", "column_start", "column_stop")
    assert [tuple(row[edge] for edge in edges) for row in rows] == [
        (0, 2, 0, 3), (0, 2, 3, 6), (2, 4, 0, 3), (2, 4, 3, 6),
    ]  # fmt: skip
    assert [row["removed"] for row in rows] == [3, 3, 6, 0]
    assert [row["rate"] for row in rows] == [0.5, 0.5, 1, 0]


def test_dispersions_by_hand(root: Path) -> None:
    table = compute_positions(root, _spec(layers=(0,), modules=("query",)))["dispersion"]
    (row,) = table.to_pylist()
    assert (row["rows"], row["columns"], row["weights"]) == (4, 6, 24)
    assert (row["removed"], row["rate"]) == (12, 0.5)
    # Drawn at random, 12 of 24: a row's count has the variance 6 · ½ · ½ · 18/23, found is 4.5.
    assert row["row_dispersion"] == pytest.approx(4.5 / (6 * 0.25 * 18 / 23))
    # A column's has 4 · ½ · ½ · 20/23, found is 1.
    assert row["column_dispersion"] == pytest.approx(1 / (4 * 0.25 * 20 / 23))


def test_nearly_equal_blocks_cover_a_matrix_once(root: Path, write_mask: Any) -> None:
    gone = np.arange(20).reshape(5, 4) % 3 == 0
    write_mask(_keeps(**{"4.feed_forward_in": gone}), HALF)
    spec = _spec(layers=(4,), modules=("feed_forward_in",), blocks=3)
    rows = compute_positions(root, spec)["positions"].to_pylist()
    assert len(rows) == 9
    seen = np.zeros((5, 4), int)
    for row in rows:
        block = np.s_[row["row_start"] : row["row_stop"], row["column_start"] : row["column_stop"]]
        seen[block] += 1
        assert (row["weights"], row["removed"]) == (gone[block].size, gone[block].sum())
        assert row["rate"] == row["removed"] / row["weights"]
    assert (seen == 1).all()
    assert {row["row_stop"] - row["row_start"] for row in rows} == {1, 2}
    assert {row["column_stop"] - row["column_start"] for row in rows} == {1, 2}


def test_a_matrix_smaller_than_the_blocks_is_shown_weight_by_weight(root: Path) -> None:
    table = compute_positions(root, _spec(layers=(0,), modules=("query",), blocks=48))["positions"]
    assert table["weights"].to_pylist() == [1] * 24
    assert table["removed"].to_pylist() == [gone for row in QUERY for gone in row]


@pytest.mark.parametrize(
    ("choice", "layers", "modules"),
    [
        ({}, [0, 2, 4], ["query", "feed_forward_in"]),
        ({"layers": (3, 1)}, [1, 3], ["query", "feed_forward_in"]),
        ({"modules": ("feed_forward_in",)}, [0, 2, 4], ["feed_forward_in"]),
    ],
)
def test_chosen_matrices_come_in_the_checkpoints_order(
    root: Path, choice: dict[str, Any], layers: list[int], modules: list[str]
) -> None:
    for table in compute_positions(root, _spec(**choice)).values():
        assert list(dict.fromkeys(table["matrix"].to_pylist())) == [
            f"{layer}.{module}" for layer in layers for module in modules
        ]


@pytest.mark.parametrize(
    ("choice", "line"),
    [
        (
            {"layers": (0, 5)},
            "model 'bert': options.layers: unknown layer 5 (known: 0 to 4)",
        ),
        (
            {"modules": ("query", "feed_forward_inn")},
            "model 'bert': options.modules: unknown module 'feed_forward_inn'; did you mean "
            "'feed_forward_in'? (known: feed_forward_in, query)",
        ),
    ],
)
def test_unknown_layers_and_modules(root: Path, choice: dict[str, Any], line: str) -> None:
    with pytest.raises(UserError) as error:
        compute_positions(root, _spec(**choice))
    assert str(error.value) == line


def test_chance_has_a_dispersion_of_one() -> None:
    draw = np.random.default_rng(0)
    found = []
    for _ in range(200):
        gone = np.zeros(60 * 40, bool)
        gone[draw.choice(gone.size, 600, replace=False)] = True
        gone = gone.reshape(60, 40)
        by_row, by_column = gone.sum(axis=1), gone.sum(axis=0)
        found.append([dispersion(by_row, 40), dispersion(by_column, 60)])
    rows, columns = np.array(found, float).T
    assert (rows.mean(), columns.mean()) == pytest.approx((1, 1), abs=0.05)
    assert (rows.std(), columns.std()) == pytest.approx(((2 / 59) ** 0.5, (2 / 39) ** 0.5), rel=0.2)


def test_a_pattern_holds_every_row_to_its_share(root: Path, write_mask: Any) -> None:
    pattern = Magnitude(pattern="1:2")
    write_mask(_keeps(**{"0.query": [[1, 0] * 3] * 4}), pattern)
    tables = compute_positions(root, _spec(layers=(0,), modules=("query",)), pattern)
    (row,) = tables["dispersion"].to_pylist()
    assert (row["scope"], row["pattern"], row["sparsity"]) == ("N:2", "1:2", 0.5)
    assert row["row_dispersion"] == 0
    assert row["column_dispersion"] == pytest.approx(4 / (4 * 0.25 * 20 / 23))


def test_without_variance_there_is_no_dispersion(root: Path, write_mask: Any) -> None:
    write_mask(_keeps(), DENSE)
    table = compute_positions(root, _spec(layers=(0,)), DENSE)["dispersion"]
    assert table["row_dispersion"].null_count == table["column_dispersion"].null_count == 2
    assert dispersion(np.array([6, 6]), 6) is None
    assert dispersion(np.array([3]), 6) is None


def test_a_sparsity_that_only_the_mask_knows_is_read_from_it(root: Path, write_mask: Any) -> None:
    mask = Imported(mask="x", file="x.safetensors")
    write_mask(_keeps(**{"0.query": QUERY}), mask)
    table = compute_positions(root, _spec(), mask)["dispersion"]
    total = LAYERS * (24 + 20)
    assert set(table["sparsity"].to_pylist()) == {12 / total}


def test_a_mask_of_another_checkpoint_is_refused(
    root: Path, write_checkpoint: Callable[..., None]
) -> None:
    write_checkpoint(MATRICES, digest="1" * 64)
    with pytest.raises(UserError, match=r"s0\.50\.safetensors: was made from another version"):
        compute_positions(root, _spec())


def test_command_line(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    Path("inputs").write_text("\n".join([f"masks/bert/{HALF.name}.json"]))
    arguments = [
        "stage",
        "essential_sparsity.figures.positions",
        "--spec",
        _spec(blocks=3).canonical(),
        "--inputs",
        "inputs",
        "--output",
        "studies/s/e",
    ]
    monkeypatch.setattr("sys.argv", arguments)
    tables_stage.main()
    for name, table in compute_positions(root, _spec(blocks=3)).items():
        assert pq.read_table(f"studies/s/e/{name}.parquet").equals(table)
