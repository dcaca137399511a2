import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.figures.drop.draw import draw, select
from essential_sparsity.figures.drop.tables import SCHEMAS, compute
from essential_sparsity.masks.criteria.magnitude import Magnitude
from essential_sparsity.masks.criteria.ticket import Ticket
from essential_sparsity.masks.spec import DENSE
from essential_sparsity.metrics import METRICS
from essential_sparsity.outcomes.spec import RunsSpec
from essential_sparsity.report.summary import summarize
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.tables import origin_of
from finished_runs import RECIPE, answers_of, runs_of, spec_of


def compute_tables(root: Path, spec: RunsSpec) -> dict[str, pa.Table]:
    return compute(root, runs_of(root), spec)


def test_runs_table(tmp_path: Path, small_study: RunsSpec) -> None:
    rows = compute_tables(tmp_path, small_study)["runs"].to_pylist()
    assert [(r["model"], r["sparsity"], r["seed"], r["control_of"], r["score"]) for r in rows] == [
        ("bert", 0.0, 1, None, 80),
        ("bert", 0.0, 2, None, 90),
        ("bert", 0.5, 1, None, 80),
        ("bert", 0.5, 2, None, 70),
        ("bert", 0.9, 1, None, 30),
        ("bert", 0.9, 2, None, 40),
        ("random", 0.0, 1, "bert", 50),
        ("random", 0.0, 2, "bert", 60),
    ]
    assert rows[2] == {
        "model": "bert", "task": "rte", "recipe": RECIPE, "mask": "magnitude-global-s0.50",
        "family": "magnitude-global", "label": "magnitude, global", "criterion": "magnitude",
        "scope": "global", "pattern": None, "sparsity": 0.5, "seed": 1,
        "control_of": None, "metric": "accuracy", "score": 80.0, "loss": 0.5, "examples": 10,
        "seconds": 3.0, "failure": None,
        "run": f"runs/bert/rte/{RECIPE}/magnitude-global-s0.50/seed1",
    }  # fmt: skip


def test_drop_table_by_hand(tmp_path: Path, small_study: RunsSpec) -> None:
    rows = compute_tables(tmp_path, small_study)["drop"].to_pylist()
    found = [
        (r["model"], r["mask"], r["criterion"], r["control_of"], r["score"], r["drop"],
         r["drop_min"], r["drop_max"])
        for r in rows
    ]  # fmt: skip
    assert found == [
        ("bert", "dense", "magnitude", None, 85, 0, 0, 0),
        ("bert", "magnitude-global-s0.50", "magnitude", None, 75, 10, 0, 20),
        ("bert", "magnitude-global-s0.90", "magnitude", None, 35, 50, 50, 50),
        ("random", "dense", "dense", "bert", 55, 30, 30, 30),
    ]
    for row in rows:
        assert (row["seeds"], row["examples"], row["constant"]) == (2, 10, pytest.approx(60))
        assert row["score_low"] < row["score"] < row["score_high"]
        assert row["drop_low"] <= row["drop"] <= row["drop_high"]
    assert (rows[0]["drop_low"], rows[0]["drop_high"]) == (0, 0)


def test_intervals_are_golden(tmp_path: Path, small_study: RunsSpec) -> None:
    rows = compute_tables(tmp_path, small_study)["drop"].to_pylist()
    found = [[r[k] for k in ("score_low", "score_high", "drop_low", "drop_high")] for r in rows]
    expected = [
        [22.327405, 100, 0, 0],
        # Two seeds' drops are 0 and 20. No score is above 100, and no drop above the dense score.
        [6.990361, 100, -75.823349, 100],
        [0, 100, 10, 75],
        [0, 100, 5, 55],
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def _write_metric(write_run: Any, metric: str, label: list[Any], **predictions: list[Any]) -> None:
    """Write dense runs of two seeds, and one sparse run for both, scored by `metric`."""
    sparse = predictions.pop("sparse")
    for seed, dense in enumerate(predictions.values(), start=1):
        for mask, prediction in (("dense", dense), ("magnitude-global-s0.50", sparse)):
            columns = {"label": label, "prediction": prediction}
            score = METRICS[metric].score(pa.table(columns))
            write_run([0] * len(label), mask=mask, seed=seed, predictions=columns,
                      metrics={"metric": metric, "score": score})  # fmt: skip


@pytest.mark.parametrize(
    ("metric", "dense", "sparse", "constant"),
    [
        ("accuracy", (75 + 100) / 2, 50, 50),
        ("f1", (200 * 2 / 5 + 100) / 2, 100 * 2 * 1 / 4, 100 * 2 / 3),
        ("matthews", (100 * 4 / 48**0.5 + 100) / 2, 0, 0),
    ],
)
def test_drops_of_metrics_of_classes_by_hand(
    tmp_path: Path, write_run: Any, metric: str, dense: float, sparse: float, constant: float
) -> None:
    """Two of four are positive: three and two are found so, then two of whom one is right."""
    _write_metric(
        write_run, metric, [1, 1, 0, 0], first=[1, 1, 1, 0], second=[1, 1, 0, 0],
        sparse=[1, 0, 1, 0],
    )  # fmt: skip
    tables = compute_tables(tmp_path, spec_of(0.5))
    rows = tables["drop"].to_pylist()
    assert [row["score"] for row in rows] == pytest.approx([dense, sparse])
    assert rows[1]["drop"] == pytest.approx(dense - sparse)
    assert rows[1]["drop_max"] == pytest.approx(100 - sparse)
    for table in (tables["runs"], tables["drop"], tables["essential"]):
        assert set(table["metric"].to_pylist()) == {metric}
    assert tables["essential"]["constant"].to_pylist() == pytest.approx([constant] * 4)


@pytest.mark.parametrize("metric", ["pearson", "spearman"])
def test_drops_of_correlations_by_hand(tmp_path: Path, write_run: Any, metric: str) -> None:
    """Perfect in every resample whatever the scale, then the reverse of that."""
    label = [float(number) for number in range(12)]
    _write_metric(
        write_run, metric, label, first=[2 * y - 7 for y in label],
        second=[y / 1000 for y in label], sparse=[-y for y in label],
    )  # fmt: skip
    dense, sparse = compute_tables(tmp_path, spec_of(0.5))["drop"].to_pylist()
    for row, score in ((dense, 100), (sparse, -100)):
        assert [row[k] for k in ("score", "score_low", "score_high")] == pytest.approx([score] * 3)
    assert [sparse[k] for k in ("drop", "drop_low", "drop_high")] == pytest.approx([200] * 3)
    assert sparse["constant"] == 0


def test_questions_have_no_constant_answer(tmp_path: Path, write_run: Any) -> None:
    for mask, share in (("dense", 1.0), ("magnitude-global-s0.50", 0.5)):
        write_run([1, 1], mask=mask, predictions={"f1": [share, 0.5]},
                  metrics={"metric": "span-f1", "score": 50 * (share + 0.5)})  # fmt: skip
    rows = compute_tables(tmp_path, spec_of(0.5))["drop"].to_pylist()
    assert [(row["score"], row["constant"]) for row in rows] == [(75, None), (50, None)]


def test_pairing_is_by_seed_and_example(tmp_path: Path, write_run: Any) -> None:
    """Seeds that differ by 40 points, and a mask that costs every seed the same example."""
    for seed, right in ((1, 50), (2, 90)):
        write_run(answers_of(right, 100), seed=seed)
        shifted = [0.0, *answers_of(right - 1, 99)]
        write_run(shifted, mask="magnitude-global-s0.50", seed=seed)
    row = compute_tables(tmp_path, spec_of(0.5))["drop"].to_pylist()[1]
    assert (row["drop"], row["drop_min"], row["drop_max"]) == (1, 1, 1)
    # Only how often that one example is drawn is uncertain, 0 to 4 times of 100.
    assert row["drop_high"] - row["drop_low"] <= 4
    assert row["score_high"] - row["score_low"] > 30


def test_essential_table_by_hand(tmp_path: Path, small_study: RunsSpec) -> None:
    tables = compute_tables(tmp_path, small_study)
    row, *others = tables["essential"].to_pylist()
    assert row["main"] and not any(other["main"] for other in others)
    assert (row["model"], row["task"], row["criterion"], row["scope"]) == (
        "bert", "rte", "magnitude", "global",
    )  # fmt: skip
    assert (row["epsilon"], row["confidence"], row["grid"]) == (1, 0.95, [0, 0.5, 0.9])
    assert (row["estimate"], row["estimate_censored"]) == (0.5, "below")
    assert (row["first_crossing"], row["first_crossing_censored"]) == (0.5, "below")
    assert (row["dense_score"], row["seeds"], row["examples"]) == (85, 2, 10)
    dense = tables["drop"].to_pylist()[0]
    assert (row["dense_low"], row["dense_high"]) == (dense["score_low"], dense["score_high"])
    assert row["resolution"] > 1 and not row["resolved"]


def test_tables_are_deterministic_and_a_new_sparsity_changes_no_old_row(
    tmp_path: Path, small_study: RunsSpec, write_run: Any
) -> None:
    before = compute_tables(tmp_path, small_study)
    again = compute_tables(tmp_path, small_study)
    assert all(before[name].equals(again[name]) for name in before)
    labels = {"label": [0, 0, 0, 0, 0, 0, 1, 1, 1, 2]}
    for seed in (1, 2):
        write_run(answers_of(6), mask="magnitude-global-s0.70", seed=seed, predictions=labels)
    wider = spec_of(0.5, 0.7, 0.9, controls=small_study.controls)
    after = compute_tables(tmp_path, wider)["drop"].to_pylist()
    assert len(after) == len(before["drop"]) + 1
    for row in before["drop"].to_pylist():
        assert row in after


def test_models_and_tasks_make_groups_of_their_own(tmp_path: Path, write_run: Any) -> None:
    for model, task, right in (("a", "x", 9), ("a", "y", 8), ("b", "x", 7), ("b", "y", 6)):
        for mask in ("dense", "magnitude-global-s0.50"):
            # Tasks may have their own examples.
            ids = {"id": [f"{task}{i}" for i in range(10)]}
            write_run(answers_of(right), model=model, task=task, mask=mask, predictions=ids)
            write_run(answers_of(5), model="random", task=task, predictions=ids)
    spec = spec_of(
        0.5,
        models=("a", "b"),
        controls={"random": "b"},
    )
    tables = compute_tables(tmp_path, spec)
    controls = [r for r in tables["drop"].to_pylist() if r["control_of"] is not None]
    assert [(r["control_of"], r["task"], r["drop"]) for r in controls] == [
        ("b", "x", 20),
        ("b", "y", 10),
    ]
    main = [row for row in tables["essential"].to_pylist() if row["main"]]
    assert [row["dense_score"] for row in main] == [90, 80, 70, 60]
    assert [row["estimate_censored"] for row in main] == ["above"] * 4
    assert {name: table.schema for name, table in tables.items()} == SCHEMAS


def test_patterns_of_equal_groups_are_one_curve(tmp_path: Path, write_run: Any) -> None:
    patterns = [Magnitude(pattern=pattern) for pattern in ("2:8", "4:8", "2:4")]
    for mask, right in zip((DENSE, *patterns), (9, 5, 7, 8), strict=True):
        write_run(answers_of(right), mask=mask)
    families = RunsSpec.families_of(pattern.label() for pattern in patterns)
    tables = compute_tables(tmp_path, RunsSpec(models=("bert",), families=families))
    found = [
        (r["family"], r["scope"], r["pattern"], r["sparsity"], r["drop"])
        for r in tables["drop"].to_pylist()
    ]
    assert found == [
        ("magnitude-nof4", "N:4", None, 0, 0), ("magnitude-nof4", "N:4", "2:4", 0.5, 10),
        ("magnitude-nof8", "N:8", None, 0, 0), ("magnitude-nof8", "N:8", "4:8", 0.5, 20),
        ("magnitude-nof8", "N:8", "2:8", 0.75, 40),
    ]  # fmt: skip
    assert [(r["label"], r["grid"]) for r in tables["essential"].to_pylist() if r["main"]] == [
        ("magnitude, N:4", [0, 0.5]), ("magnitude, N:8", [0, 0.5, 0.75]),
    ]  # fmt: skip


def test_a_sparsity_that_only_the_masks_file_knows_is_the_one_counted(
    tmp_path: Path, write_run: Any
) -> None:
    mask = Magnitude(scope="matched", like="magnitude-2of4")
    for one in (DENSE, mask):
        write_run(answers_of(9), mask=one, removed=0.25)
    spec = RunsSpec(models=("bert",), families={mask.family: (None,)})
    assert compute_tables(tmp_path, spec)["drop"]["sparsity"].to_pylist() == [0, 0.25]


def test_a_sparse_run_without_its_dense_one_is_named(
    tmp_path: Path, small_study: RunsSpec, write_run: Any
) -> None:
    write_run(answers_of(5), mask="magnitude-global-s0.50", seed=3)
    with pytest.raises(UserError, match=r"bert on rte: 'magnitude-global-s0\.50' has .* seed 3"):
        compute_tables(tmp_path, small_study)


def test_other_families_are_passed_over(
    tmp_path: Path, small_study: RunsSpec, write_run: Any
) -> None:
    before = compute_tables(tmp_path, small_study)
    for seed in (1, 2):
        write_run(answers_of(1), mask=Magnitude(scope="layer", sparsity=0.5), seed=seed)
    after = compute_tables(tmp_path, small_study)
    assert all(before[name].equals(after[name]) for name in before)


def test_tickets_of_each_run_and_of_one_seed_are_two_curves(tmp_path: Path, write_run: Any) -> None:
    """What is shared, the first seed's run under its own ticket, is a point of both."""

    def ticket(seed: int | None) -> Ticket:
        bound = {} if seed is None else {"task": "rte", "recipe": RECIPE}
        return Ticket(sparsity=0.5, seed=seed, **bound)

    for seed, own, first in ((1, 8, 8), (2, 7, 4)):
        write_run(answers_of(9), seed=seed)
        write_run(answers_of(first), mask=ticket(1), seed=seed)
        write_run(answers_of(own), mask=ticket(seed), seed=seed)
    families = RunsSpec.families_of([ticket(None).label(), ticket(1).label()])
    rows = compute_tables(tmp_path, RunsSpec(models=("bert",), families=families))["drop"]
    found = [(r["label"], r["seeds"], r["drop"]) for r in rows.to_pylist() if r["sparsity"]]
    assert found == [
        ("ticket, global, of rte, seed 1", 2, 30), ("ticket, global", 2, 15),
    ]  # fmt: skip


def test_runs_of_other_examples_are_refused(
    tmp_path: Path, small_study: RunsSpec, write_run: Any
) -> None:
    write_run(answers_of(5), model="random", seed=2, predictions={"id": list("abcdefghij")})
    with pytest.raises(UserError, match="only runs on the same examples can be paired"):
        compute_tables(tmp_path, small_study)


def _run_stage(folder: Path, spec: RunsSpec, *more: str) -> subprocess.CompletedProcess[str]:
    # What the stage imports is printed at exit: torch would cost seconds a job.
    code = (
        "import atexit, runpy, sys\n"
        "heavy = {'torch', 'transformers', 'sklearn'}\n"
        "atexit.register(lambda: print(sorted(heavy & set(sys.modules))))\n"
        "runpy.run_module('essential_sparsity.figures.tables_stage', run_name='__main__')\n"
    )
    command = [sys.executable, "-c", code, "essential_sparsity.figures.drop"]
    (folder / "inputs").write_text("\n".join([*runs_of(folder), *more]))
    command += ["--spec", spec.canonical(), "--inputs", "inputs", "--output", "studies/s/e"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_command_line(tmp_path: Path, small_study: RunsSpec) -> None:
    done = _run_stage(tmp_path, small_study)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
    folder = tmp_path / "studies/s/e"
    assert sorted(p.name for p in folder.iterdir()) == [
        "drop.parquet", "essential.parquet", "runs.parquet", "sharpness.parquet",
    ]  # fmt: skip
    expected = compute_tables(tmp_path, small_study)
    for name, table in expected.items():
        read = pq.read_table(folder / f"{name}.parquet")
        assert read.equals(table)
        assert origin_of(read)["spec"] == json.loads(small_study.canonical())
        assert origin_of(read)["stage"] == "essential_sparsity.figures.drop.tables"


def test_command_line_with_a_missing_run(tmp_path: Path, small_study: RunsSpec) -> None:
    missing = f"runs/bert/rte/{RECIPE}/dense/seed3/metrics.parquet"
    done = _run_stage(tmp_path, small_study, missing)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {missing}")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "studies").exists()


def _evaluate(write_run: Any, removed: dict[str, int], draws: tuple[Any, ...] = (None,)) -> None:
    """Write runs of 600 examples without seeds; of each mask so many more answers are wrong."""
    for mask, count in removed.items():
        for seed, drawn in enumerate(draws, start=1):
            answers = answers_of(480 - count, 600)
            write_run(answers, mask=mask, seed=seed, metrics={"replicate": drawn})


def test_a_study_for_which_nothing_is_drawn_has_certificates(
    tmp_path: Path, write_run: Any
) -> None:
    _evaluate(write_run, {"dense": 0, "magnitude-global-s0.50": 0, "magnitude-global-s0.90": 99})
    tables = compute_tables(tmp_path, spec_of(0.5, 0.9))
    (main,) = [row for row in tables["essential"].to_pylist() if row["main"]]
    assert (main["certified"], main["uncertified_because"]) == (0.5, None)
    assert (main["unit"], main["units"], main["examples"]) == ("examples", 600, 600)
    assert {row["seeds"] for row in tables["drop"].to_pylist()} == {0}
    dense, half, most = tables["drop"].to_pylist()
    assert dense["p_noninferior"] is None
    assert half["p_noninferior"] < 0.05 < most["p_noninferior"]
    assert not rows_of_seeds(tables)
    for name, table in tables.items():
        pq.write_table(table, tmp_path / f"{name}.parquet")
    last = summarize([tmp_path], []).splitlines()[2]
    assert last.split()[-3:] == ["50", "%", "–"]


def rows_of_seeds(tables: dict[str, pa.Table]) -> list[dict[str, Any]]:
    """Draw a figure of drops; return what it shows of single seeds."""
    spec = FigureSpec(models={"bert": "BERT-base"}, tasks={"rte": "RTE"})
    data = select(tables, spec)
    draw(data, spec)
    return [row for row in data.to_pylist() if row["element"] == "seed"]


def test_draws_of_calibration_are_replicates(tmp_path: Path, write_run: Any) -> None:
    """The dense model is evaluated once, a mask of three draws three times."""
    _evaluate(write_run, {"dense": 0})
    _evaluate(write_run, {"magnitude-global-s0.50": 0, "magnitude-global-s0.90": 99}, (5, 6, 7))
    tables = compute_tables(tmp_path, spec_of(0.5, 0.9))
    assert [row["seeds"] for row in tables["drop"].to_pylist()] == [0, 3, 3]
    (main,) = [row for row in tables["essential"].to_pylist() if row["main"]]
    assert (main["certified"], main["seeds"]) == (0.5, 3)


def test_examples_of_a_cluster_are_resampled_together(tmp_path: Path, write_run: Any) -> None:
    clusters = {"cluster": [f"{index % 40}" for index in range(400)]}
    for predictions in (None, clusters):
        for seed in (1, 2):
            for mask in ("dense", "magnitude-global-s0.50"):
                write_run([1.0, 1.0, 1.0, 0.0] * 100, mask=mask, seed=seed, predictions=predictions)
        tables = compute_tables(tmp_path, spec_of(0.5))
        (main,) = [row for row in tables["essential"].to_pylist() if row["main"]]
        if predictions is None:
            assert (main["unit"], main["units"], main["certified"]) == ("examples", 400, 0.5)
    assert (main["unit"], main["units"], main["certified"]) == ("clusters", 40, None)
    assert main["uncertified_because"].startswith(
        "40 clusters, worth 40 independent examples, are too few for 1 point"
    )
