from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from essential_sparsity.figures import tables_stage
from essential_sparsity.figures.distribution.tables import SCHEMAS, compute
from essential_sparsity.figures.kinds import FIGURE_KINDS
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.tables import write_table
from essential_sparsity.weights.measurement import SCHEMA
from essential_sparsity.weights.spec import WeightsSpec

ASKED: dict[str, Any] = {"thresholds": (0.001, 0.01), "relative_thresholds": (0.1,)}
PATH = "distribution/{}/12345678.parquet"


def spec_of(**changes: Any) -> WeightsSpec:
    return WeightsSpec(**{**ASKED, **changes})


def files_of(*models: str) -> list[str]:
    return [PATH.format(model) for model in models]


def compute_distribution(root: Path, *models: str, **changes: Any) -> dict[str, pa.Table]:
    return compute(root, files_of(*models), spec_of(**changes))


def write(root: Path, model: str, near_zero: list[int], relative: list[int], **spec: Any) -> None:
    """Write the measurement of a model of one layer and one matrix of 200 weights."""
    measures = {
        "weights": 200, "zeros": 3, "mean": 0.01, "sigma": 0.5, "largest": 2.0, "norm": 7.0,
        "gini": 0.4, "kurtosis": None, "near_zero": near_zero, "near_zero_relative": relative,
    }  # fmt: skip
    bins = {"shift": 0.0, "scale": 2.0, "edges": [-0.5, -0.1, 0.1, 0.5], "counts": [40, 100, 50]}
    place = {"layer": 0, "matrix": "layer.0.q", "module": "query", "part": "attention"}
    rows = [
        {"model": model, "level": "model", **measures},
        {"model": model, "level": "layer", "layer": 0, **measures, **bins},
        {"model": model, "level": "matrix", **place, **measures},
    ]
    origin = {"spec": WeightsSpec(**{**ASKED, **spec}).document()}
    write_table(root / PATH.format(model), pa.Table.from_pylist(rows, SCHEMA), origin)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, "vit", [0, 10], [20])
    write(tmp_path, "dino", [2, 11], [15])
    return tmp_path


def test_tables_are_those_of_the_kind(root: Path) -> None:
    kind = FIGURE_KINDS["distribution"]
    assert (kind.statistics, set(kind.tables)) == (compute.__module__, set(SCHEMAS))
    tables = compute_distribution(root, "vit", "dino")
    assert {name: table.schema for name, table in tables.items()} == SCHEMAS


def test_layers_by_hand(root: Path) -> None:
    rows = compute_distribution(root, "vit", "dino")["layers"].to_pylist()
    assert [(row["model"], row["level"]) for row in rows] == [
        (model, level) for model in ("vit", "dino") for level in ("model", "layer", "matrix")
    ]
    assert rows[1] == {
        "model": "vit", "level": "layer", "layer": 0, "matrix": None, "module": None, "part": None,
        "weights": 200, "zeros": 3, "mean": 0.01, "sigma": 0.5, "largest": 2.0, "norm": 7.0,
        "gini": 0.4, "kurtosis": None, "scaling": "max-abs", "shift": 0.0, "scale": 2.0,
    }  # fmt: skip
    assert (rows[5]["matrix"], rows[5]["part"], rows[5]["scale"]) == (
        "layer.0.q", "attention", None,
    )  # fmt: skip


def test_near_zero_shares_and_their_excess_over_the_first_model(root: Path) -> None:
    rows = compute_distribution(root, "vit", "dino")["near_zero"].to_pylist()
    whole = [row for row in rows if row["level"] == "model"]
    seen = [(r["model"], r["relative"], r["threshold"], r["below"], r["share"]) for r in whole]
    assert seen == [
        ("vit", False, 0.001, 0, 0.0),
        ("vit", False, 0.01, 10, 0.05),
        ("vit", True, 0.1, 20, 0.1),
        ("dino", False, 0.001, 2, 0.01),
        ("dino", False, 0.01, 11, 0.055),
        ("dino", True, 0.1, 15, 0.075),
    ]
    excess = [row["excess"] for row in whole]
    # Nothing is more than nothing: 2 weights against none have no ratio.
    assert excess[:4] == [None] * 4
    assert excess[4:] == [pytest.approx(0.1), pytest.approx(-0.25)]
    others = [row for row in rows if row["level"] != "model"]
    assert len(others) == 12
    assert {row["excess"] for row in others} == {None}


def test_the_order_of_models_says_which_one_is_the_base(root: Path) -> None:
    rows = compute_distribution(root, "dino", "vit")["near_zero"].to_pylist()
    excess = {
        r["threshold"]: r["excess"] for r in rows if (r["model"], r["level"]) == ("vit", "model")
    }
    assert excess == {0.001: -1, 0.01: pytest.approx(-1 / 11), 0.1: pytest.approx(1 / 3)}


def test_density_by_hand(root: Path) -> None:
    rows = compute_distribution(root, "vit")["density"].to_pylist()
    assert [(r["left"], r["right"], r["count"]) for r in rows] == [
        (-0.5, -0.1, 40), (-0.1, 0.1, 100), (0.1, 0.5, 50),
    ]  # fmt: skip
    # Per unit of the normalised weight, and of all weights, whether in a bin or beyond.
    assert [r["density"] for r in rows] == pytest.approx([40 / 80, 100 / 40, 50 / 80])
    assert sum(r["density"] * (r["right"] - r["left"]) for r in rows) == pytest.approx(190 / 200)


def test_a_measurement_of_something_else_is_refused(root: Path) -> None:
    with pytest.raises(UserError, match=r"12345678\.parquet: was measured with other settings"):
        compute_distribution(root, "vit", scaling="standard")
    with pytest.raises(UserError, match=r"12345678\.parquet: was measured with other settings"):
        compute_distribution(root, "vit", thresholds=(0.001, 0.02))


def test_missing_measurements(root: Path) -> None:
    with pytest.raises(UserError, match=r"distribution/opt/12345678\.parquet: no such file"):
        compute_distribution(root, "vit", "opt")


@pytest.mark.parametrize("values", [(), (0.0,), (-1.0,), (0.1, 0.1), (float("inf"),)])
def test_thresholds_are_positive_and_differ(values: tuple[float, ...]) -> None:
    for key in ("thresholds", "relative_thresholds"):
        with pytest.raises(UserError, match=rf"--spec: {key}"):
            WeightsSpec.check({key: values}, "--spec")
        with pytest.raises(UserError, match=rf"options: {key}"):
            FIGURE_KINDS["distribution"].options.check({key: values}, "options")


def test_command_line(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    Path("inputs").write_text("\n".join(files_of("vit", "dino")))
    monkeypatch.setattr(
        "sys.argv",
        [
            "stage",
            "essential_sparsity.figures.distribution",
            "--spec",
            spec_of().canonical(),
            "--inputs",
            "inputs",
            "--output",
            "studies/s/e",
        ],
    )
    tables_stage.main()
    for name, table in compute_distribution(root, "vit", "dino").items():
        assert pq.read_table(f"studies/s/e/{name}.parquet").equals(table)
