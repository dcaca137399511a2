"""The stage: masks on the disk, a table out, and what is wrong said in a line."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from essential_sparsity.figures.kinds import FIGURE_KINDS
from essential_sparsity.outcomes.columns import MASK_COLUMNS
from essential_sparsity.similarity import __main__ as stage
from essential_sparsity.similarity.measurement import SCHEMA, measure_similarity
from essential_sparsity.similarity.spec import MaskSetSpec
from essential_sparsity.support.errors import UserError, run_stage
from essential_sparsity.support.tables import origin_of

Keeps = Mapping[str, NDArray[np.bool_]]
WriteMasks = Callable[..., list[Path]]


def keep(kept: int, size: int, first: int = 0) -> NDArray[np.bool_]:
    """Return one row of weights, of which `kept` are kept, from the place `first` on."""
    row = np.zeros((1, size), bool)
    row[0, first : first + kept] = True
    return row


# Matrix by matrix: 10 and 20 weights.
MASKS: dict[str, Keeps] = {
    "a": {"q": keep(5, 10), "up": keep(10, 20)},
    "b": {"q": keep(5, 10, 3), "up": keep(10, 20, 10)},
    "sparser": {"q": keep(2, 10), "up": keep(0, 20)},
    "dense": {"q": keep(10, 10), "up": keep(20, 20)},
}
SPEC = MaskSetSpec(masks=tuple(MASKS))
TOLD = {f"{name}_{side}" for name, _ in MASK_COLUMNS if name != "mask" for side in "ab"}


@pytest.fixture
def root(tmp_path: Path, write_masks: WriteMasks) -> Path:
    write_masks(MASKS)
    return tmp_path


def rows_of(root: Path, a: str, b: str) -> list[dict[str, Any]]:
    """Return the rows of a pair, without what tables say of either mask but its name."""
    rows = measure_similarity(root, SPEC, "bert").to_pylist()
    return [
        {name: value for name, value in row.items() if name not in TOLD}
        for row in rows
        if (row["mask_a"], row["mask_b"]) == (a, b)
    ]


def test_the_registry_names_this_stage() -> None:
    assert FIGURE_KINDS["similarity"].measurement == stage.STAGE


def test_a_pair_by_hand(root: Path) -> None:
    whole, q, up = rows_of(root, "a", "b")
    assert whole == pytest.approx(
        {
            "model": "bert", "mask_a": "a", "mask_b": "b",
            "matrix": None, "layer": None, "module": None, "part": None,
            "weights": 30, "kept_a": 15, "kept_b": 15, "both_kept": 2,
            "cosine": 2 / 15, "chance": 0.5, "kappa": (2 / 15 - 0.5) / 0.5,
            "chance_layers": (2.5 + 5) / 15, "kappa_layers": (2 / 15 - 0.5) / 0.5,
            "overlap": 2 / 15, "overlap_chance": 0.5,
            "jaccard": 2 / 28, "jaccard_chance": 7.5 / 22.5,
            "hamming": 26, "hamming_share": 26 / 30, "nesting_violations": 13,
        }
    )  # fmt: skip
    assert q == pytest.approx(
        {
            "model": "bert", "mask_a": "a", "mask_b": "b",
            "matrix": "q", "layer": 0, "module": "query", "part": "attention",
            "weights": 10, "kept_a": 5, "kept_b": 5, "both_kept": 2,
            "cosine": 0.4, "chance": 0.5, "kappa": -0.2,
            "chance_layers": None, "kappa_layers": None,
            "overlap": 0.4, "overlap_chance": 0.5,
            "jaccard": 2 / 8, "jaccard_chance": 2.5 / 7.5,
            "hamming": 6, "hamming_share": 0.6, "nesting_violations": 3,
        }
    )  # fmt: skip
    assert (up["matrix"], up["kappa"], up["hamming"]) == ("up", -1, 20)


def test_both_masks_of_a_pair_are_told_by_their_files(root: Path) -> None:
    row = measure_similarity(root, SPEC, "bert").to_pylist()[0]
    assert {name: row[f"{name}_b"] for name, _ in MASK_COLUMNS} == {
        "mask": "b", "family": "imported-b", "label": "imported, b", "criterion": "imported",
        "scope": "unknown", "pattern": None, "sparsity": 0.5,
    }  # fmt: skip
    assert row["family_a"] == "imported-a"


def test_every_pair_has_a_row_for_all_and_one_a_matrix_in_order(root: Path) -> None:
    table = measure_similarity(root, SPEC, "bert")
    assert table.schema == SCHEMA
    names = list(MASKS)
    assert [(r["mask_a"], r["mask_b"], r["matrix"]) for r in table.to_pylist()] == [
        (a, b, matrix)
        for i, a in enumerate(names)
        for b in names[i + 1 :]
        for matrix in (None, "q", "up")
    ]
    for i in range(0, table.num_rows, 3):
        whole, *matrices = table.slice(i, 3).to_pylist()
        for column in ("weights", "kept_a", "both_kept", "hamming", "nesting_violations"):
            assert whole[column] == sum(row[column] for row in matrices)


def test_nested_masks_violate_nothing_in_either_order(root: Path) -> None:
    assert [row["nesting_violations"] for row in rows_of(root, "a", "sparser")] == [0, 0, 0]
    assert [row["nesting_violations"] for row in rows_of(root, "b", "sparser")] == [2, 2, 0]


def test_what_is_not_defined_is_null_not_nan(root: Path) -> None:
    whole, q, up = rows_of(root, "a", "sparser")
    assert None not in (whole["cosine"], whole["kappa"], q["kappa"])
    assert (up["cosine"], up["chance"], up["kappa"]) == (None, None, None)
    assert up["overlap"] == 1
    dense = rows_of(root, "sparser", "dense")
    assert [row["kappa"] for row in dense] == [None] * 3
    assert [row["overlap_chance"] for row in dense] == [None] * 3
    assert dense[0]["kappa_layers"] is None
    assert dense[0]["cosine"] == pytest.approx((2 / 30) ** 0.5)
    table = measure_similarity(root, SPEC, "bert")
    for name in table.column_names:
        assert all(value == value for value in table[name].to_pylist())


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr("sys.argv", ["similarity", *arguments])
    run_stage(stage.main)


def test_command_line(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    output = "similarity/bert/0123abcd.parquet"
    arguments = ("--spec", SPEC.canonical(), "--model", "bert", "--threads", "1")
    run(monkeypatch, *arguments, "--output", output)
    table = pq.read_table(output)
    assert table.equals(measure_similarity(root, SPEC, "bert"))
    assert origin_of(table)["spec"] == {"masks": list(MASKS)}
    before = Path(output).read_bytes()
    run(monkeypatch, *arguments[:-1], "2", "--output", output)
    assert Path(output).read_bytes() == before


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ('{"masks": ["a"]}', "masks"),
        ('{"masks": ["a", "a"]}', "holds something twice"),
        ('{"masks": ["a", "gone"]}', r"masks/bert/gone\.safetensors: no such mask file"),
    ],
)
def test_bad_specs_get_one_line(
    root: Path, monkeypatch: pytest.MonkeyPatch, spec: str, message: str
) -> None:
    monkeypatch.chdir(root)
    with pytest.raises(SystemExit, match=message) as stop:
        run(monkeypatch, "--spec", spec, "--model", "bert", "--output", "x.parquet")
    assert "\n" not in str(stop.value.code)
    assert not Path("x.parquet").exists()


def test_masks_that_are_not_what_their_paths_say_are_refused(
    root: Path, write_masks: WriteMasks
) -> None:
    masks = root / "masks/bert"
    (masks / "b.safetensors").write_bytes((masks / "a.safetensors").read_bytes())
    (masks / "b.json").unlink()
    with pytest.raises(UserError, match=r"b\.safetensors: holds the mask 'a'"):
        measure_similarity(root, SPEC, "bert")
    write_masks(MASKS)
    manifest = root / "checkpoints/bert/checkpoint.json"
    manifest.write_text(manifest.read_text().replace("0" * 64, "1" * 64))
    with pytest.raises(UserError, match=r"a\.safetensors: was made from another version"):
        measure_similarity(root, SPEC, "bert")
    manifest.unlink()
    with pytest.raises(UserError, match=r"checkpoint\.json: no such file"):
        measure_similarity(root, SPEC, "bert")
