from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from essential_sparsity.metrics import METRICS
from essential_sparsity.outcomes.run import Run, check_paired, load_run, read_metrics
from essential_sparsity.support.errors import UserError
from finished_runs import RECIPE


def load(root: Path, wanted: str = "", seed: int = 1) -> Run:
    return load_run(root, read_metrics(root, f"{FOLDER}{seed}/metrics.parquet"), wanted)


FOLDER = f"runs/bert/rte/{RECIPE}/dense/seed"


def test_loads_the_last_row_and_sorts_by_id(tmp_path: Path, write_run: Any) -> None:
    write_run([1, 0, 0], predictions={"id": ["b", "c", "a"], "label": [1, 2, 0]})
    run = load(tmp_path)
    assert run.metrics["score"] == pytest.approx(100 / 3)
    assert run.examples.to_pydict() == {"id": ["a", "b", "c"], "label": [0, 1, 2]}
    np.testing.assert_array_equal(run.parts, [[0], [100], [0]])
    assert run.metric is METRICS["accuracy"]


def test_a_run_is_read_by_its_own_metric(tmp_path: Path, write_run: Any) -> None:
    """Two of four positives found, one of three answers wrong: F1 = 4 / 7."""
    predictions = {"label": [1, 1, 1, 1, 0, 0], "prediction": [1, 1, 0, 0, 1, 0]}
    write_run([0] * 6, metrics={"metric": "f1", "score": 400 / 7}, predictions=predictions)
    run = load(tmp_path)
    assert run.parts.shape == (6, 3)
    assert run.metric.combine(run.parts.mean(axis=0)) == pytest.approx(400 / 7)


def test_a_run_is_scored_by_the_metric_that_is_wanted(tmp_path: Path, write_run: Any) -> None:
    predictions = {"label": [1, 1, 1, 1, 0, 0], "prediction": [1, 1, 0, 0, 1, 0]}
    write_run([0] * 6, metrics={"metric": "f1", "score": 400 / 7}, predictions=predictions)
    run = load(tmp_path, "accuracy")
    assert run.metric is METRICS["accuracy"]
    assert (run.metrics["metric"], run.metrics["score"]) == ("accuracy", 50)


def test_a_mended_metric_scores_the_predictions_anew(
    tmp_path: Path, write_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run([1, 1, 0], metrics={"score": 12.0})
    with pytest.raises(UserError, match="the predictions' score is 66"):
        load(tmp_path, "accuracy")
    monkeypatch.setitem(METRICS, "accuracy", replace(METRICS["accuracy"], version=2))
    run = load(tmp_path, "accuracy")
    assert run.metrics["score"] == pytest.approx(200 / 3)
    write_run([1, 1, 0], metrics={"score": 200 / 3, "metric_version": 2})
    assert load(tmp_path).metrics["score"] == pytest.approx(200 / 3)


def test_answers_of_a_training_that_diverged_are_the_best_by_one_metric(
    tmp_path: Path, write_run: Any
) -> None:
    write_run([1, 1, 0], metrics={"failure": "loss nan at step 1"})
    load(tmp_path, "accuracy")
    with pytest.raises(UserError, match="that score best by accuracy, version 1, not by f1"):
        load(tmp_path, "f1")


def test_columns_of_a_metric_may_be_lists(
    tmp_path: Path, write_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = ("prediction", "label", "logits")
    monkeypatch.setitem(METRICS, "accuracy", replace(METRICS["accuracy"], columns=columns))
    write_run([1, 1], predictions={"logits": [[0.5, 1.0], [2.0, 3.0]]})
    assert load(tmp_path).metrics["score"] == 100
    write_run([1, 1], predictions={"logits": [[0.5, 1.0], [2.0, float("nan")]]})
    with pytest.raises(UserError, match="logits: nan for 'e1', not a finite number"):
        load(tmp_path)


def test_shares_of_questions_need_no_classes(tmp_path: Path, write_run: Any) -> None:
    predictions = {
        "label": [["a"], ["b", "c"]], "prediction": ["a", "x b"], "f1": [1.0, 0.5],
    }  # fmt: skip
    write_run([1, 1], metrics={"metric": "span-f1", "score": 75.0}, predictions=predictions)
    run = load(tmp_path)
    np.testing.assert_array_equal(run.parts, [[100], [50]])


@pytest.mark.parametrize(
    ("change", "file", "message"),
    [
        ({"metrics": {"score": float("nan")}}, "metrics", "score: nan is not a finite number"),
        ({"metrics": {"loss": float("inf")}}, "metrics", "loss: inf is not a finite number"),
        ({"metrics": {"loss": None}}, "metrics", "lacks the column(s) loss"),
        (
            {"metrics": {"model": "opt"}},
            "metrics",
            f"is of runs/opt/rte/{RECIPE}/dense/seed1, which",
        ),
        ({"metrics": {"seed": 2}}, "metrics", f"is of {FOLDER}2, which is not what its path says"),
        ({"metrics": {"last": False}}, "metrics", "last: 0 rows are the last evaluation, not one"),
        (
            {"predictions": {"prediction": [1.0, float("nan"), 1.0, 0.0]}},
            "predictions",
            "prediction: nan for 'e1', not a finite number",
        ),
        (
            {"predictions": {"prediction": [1.0, None, 1.0, 0.0]}},
            "predictions",
            "prediction: nan for 'e1', not a finite number",
        ),
        (
            {"predictions": {"prediction": list("1010")}},
            "predictions",
            "prediction: holds string, not numbers",
        ),
        ({"metrics": {"metric": None}}, "metrics", "lacks the column(s) metric"),
        (
            {"metrics": {"metric": "acuracy"}},
            "metrics",
            "metric: unknown metric 'acuracy'; did you mean 'accuracy'?",
        ),
        (
            {"predictions": {"id": list("abca")}},
            "predictions",
            "an example is there more than once",
        ),
        ({"metrics": {"examples": 5}}, "predictions", "4 examples, but"),
        (
            {"metrics": {"score": 62.5}},
            "predictions",
            "the predictions' score is 75.0000 %, but",
        ),
        ({"predictions": {"label": None}}, "predictions", "lacks the column(s) label"),
    ],
)
def test_bad_runs(
    tmp_path: Path, write_run: Any, change: dict[str, Any], file: str, message: str
) -> None:
    folder = write_run([1, 1, 1, 0], **change)
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    assert str(caught.value).startswith(f"{folder / file}.parquet: ")
    assert message in str(caught.value)


@pytest.mark.parametrize("file", ["metrics.parquet", "predictions.parquet"])
def test_missing_and_damaged_files(tmp_path: Path, write_run: Any, file: str) -> None:
    path = write_run([1, 0]) / file
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=f"{file}: not a readable Parquet file"):
        load(tmp_path)
    path.unlink()
    with pytest.raises(UserError, match=f"{file}: no such file"):
        load(tmp_path)


@pytest.mark.parametrize(
    "predictions", [{"id": ["e0", "e1", "other"]}, {"label": [0, 1, 1]}], ids=["ids", "labels"]
)
def test_runs_on_other_examples_cannot_be_paired(
    tmp_path: Path, write_run: Any, predictions: dict[str, Any]
) -> None:
    folders = [write_run([1, 0, 1]), write_run([1, 0, 1], seed=2, predictions=predictions)]
    runs = [load(tmp_path, seed=seed) for seed in (1, 2)]
    check_paired(runs[:1])
    with pytest.raises(UserError) as caught:
        check_paired(runs)
    assert all(f"{folder}/predictions.parquet" in str(caught.value) for folder in folders)


def test_runs_of_other_metrics_cannot_be_paired(tmp_path: Path, write_run: Any) -> None:
    write_run([1, 1])
    write_run([1, 1], seed=2, metrics={"metric": "f1"})
    runs = [load(tmp_path, seed=seed) for seed in (1, 2)]
    with pytest.raises(UserError, match=r"scored by 'f1', but .* by 'accuracy'; only runs of one"):
        check_paired(runs)


def test_runs_know_what_is_drawn_for_them(tmp_path: Path, write_run: Any) -> None:
    write_run([1, 1])
    assert load(tmp_path).replicate == 1
    for drawn in (7, None):
        write_run([1, 1], metrics={"replicate": drawn})
        assert load(tmp_path).replicate == drawn


def test_examples_that_belong_together_are_read_with_their_name(
    tmp_path: Path, write_run: Any
) -> None:
    write_run([1, 1, 0])
    assert load(tmp_path).clusters is None
    path = write_run([1, 1, 0], predictions={"id": ["b", "c", "a"]}) / "predictions.parquet"
    field = pa.field("cluster", pa.string(), metadata={"unit": "passages"})
    for kept, unit in ((field, "passages"), (field.remove_metadata(), "clusters")):
        table = pq.read_table(path).select(["id", "label", "prediction"])
        pq.write_table(table.append_column(kept, [["x", None, "x"]]), path)
        clusters = load(tmp_path).clusters
        assert clusters is not None
        assert (clusters.names.tolist(), clusters.unit) == (["x", "x", "c"], unit)
