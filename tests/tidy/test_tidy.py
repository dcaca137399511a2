import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from essential_sparsity.support.errors import run_stage
from essential_sparsity.support.tables import origin_of
from essential_sparsity.tidy.__main__ import STAGE, main

from .conftest import Write

Tidy = Callable[..., tuple[list[dict[str, Any]], list[dict[str, Any]]]]


@pytest.fixture
def tidy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tidy:
    """Return a function that runs the stage on some experiments and returns both tables' rows."""

    def run(*experiments: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        names = ", ".join(f'"{name}"' for name in experiments or ["drop"])
        spec = f'{{"study": "default", "experiments": [{names}]}}'
        output = tmp_path / "studies/default"
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [STAGE, "--spec", spec, "--output", str(output)])
        run_stage(main)
        runs, predictions = (
            pq.read_table(output / f"{name}.parquet").to_pylist()
            for name in ("runs", "predictions")
        )
        return runs, predictions

    return run


def test_a_run_is_one_row_however_many_experiments_use_it(
    write_run: Write, write_runs: Callable[..., None], tidy: Tidy
) -> None:
    dense, half, other = write_run(), write_run(sparsity=0.5), write_run(sparsity=0.7)
    write_runs([dense, half], "drop")
    write_runs([dense, other], "more")
    runs, predictions = tidy("drop", "more")
    assert [(run["mask"], run["experiments"]) for run in runs] == [
        ("dense", ["drop", "more"]),
        ("magnitude-global-s0.50", ["drop"]),
        ("magnitude-global-s0.70", ["more"]),
    ]
    assert len(predictions) == 9
    assert {run["device"] for run in runs} == {"cpu"}  # that of the last evaluation


def test_drops_are_from_the_dense_run_of_the_same_seed_and_a_controls_from_its_base(
    write_run: Write, write_runs: Callable[..., None], tidy: Tidy
) -> None:
    rows = [
        write_run(seed=1, right=(1.0, 1.0)),
        write_run(seed=2, right=(1.0, 0.0)),
        write_run(seed=1, sparsity=0.5, right=(1.0, 0.0)),
        write_run(seed=2, sparsity=0.5, right=(1.0, 0.0)),
        write_run(model="random", control_of="bert", right=(0.0, 0.0)),
        write_run(model="alone", sparsity=0.5),
    ]
    write_runs(rows)
    runs, _ = tidy()
    assert [run["drop"] for run in runs] == [0, 0, 50, 0, 100, None]


def test_a_random_start_that_is_looked_at_for_its_own_sake_is_no_control(
    write_run: Write, write_runs: Callable[..., None], tidy: Tidy
) -> None:
    row = write_run(model="random", control_of="bert")
    write_runs([write_run(), row], "drop")
    write_runs([{**row, "control_of": None}], "own")
    assert tidy("drop")[0][1]["control_of"] == "bert"
    assert tidy("drop", "own")[0][1]["control_of"] is None


def test_masks_found_by_training_have_the_names_of_their_paths(
    write_run: Write, write_runs: Callable[..., None], tidy: Tidy
) -> None:
    rows = [
        {**write_run(sparsity=0.3, seed=seed, mask=f"ticket-global-rte-seed{seed}-s0.30"),
         "mask": "ticket-global-s0.30"}
        for seed in (1, 2)
    ]  # fmt: skip
    write_runs(rows)
    runs, predictions = tidy()
    names = ["ticket-global-rte-seed1-s0.30", "ticket-global-rte-seed2-s0.30"]
    assert [run["mask"] for run in runs] == names
    assert list(dict.fromkeys(row["mask"] for row in predictions)) == names


def test_revisions_are_those_of_the_checkpoint_that_was_run(
    write_run: Write,
    write_runs: Callable[..., None],
    write_checkpoint: Callable[..., str],
    tidy: Tidy,
) -> None:
    identity = write_checkpoint("bert", {"kind": "hub", "commit": "abc123"})
    write_checkpoint("folder", {"kind": "folder"})
    rows = [
        write_run(checkpoint=identity),
        write_run(seed=2, checkpoint="another"),
        write_run(model="folder", checkpoint=identity),
        write_run(model="gone", checkpoint=identity),
    ]
    write_runs(rows)
    runs, _ = tidy()
    assert [run["checkpoint_revision"] for run in runs] == ["abc123", None, None, None]
    assert [run["checkpoint_sha256"] for run in runs] == [identity, "another", identity, identity]


def test_numbers_and_texts_of_predictions_have_columns_of_their_own(
    write_run: Write, write_runs: Callable[..., None], tidy: Tidy
) -> None:
    texts = {"label": [["a", "the a"], ["b"]], "prediction": ["a", ""], "f1": [1.0, 0.0]}
    numbers = {"label": [2.5, 0.0], "prediction": [2.25, 1.0]}
    rows = [
        write_run(right=(1.0,)),
        write_run(task="squad", metric="span-f1", predictions=texts, right=(1.0, 0.0)),
        write_run(task="stsb", metric="pearson", predictions=numbers, right=(None, None)),
    ]
    write_runs(rows)
    _, (one, answer, wrong, number, _) = tidy()
    assert (one["label"], one["prediction"], one["answers"], one["answer"]) == (0, 0, None, None)
    assert (answer["label"], answer["answers"], answer["answer"]) == (None, ["a", "the a"], "a")
    assert (wrong["id"], wrong["answer"], wrong["score"]) == ("e1", "", 0.0)
    assert (number["label"], number["prediction"], number["score"]) == (2.5, 2.25, None)


def test_what_an_example_scores_is_of_the_metric_that_the_study_names(
    write_run: Write, write_runs: Callable[..., None], tidy: Tidy
) -> None:
    """Not what the run kept beside its predictions when it was made."""
    kept = {"score": [0.25, 0.25]}
    write_runs(
        [
            write_run(right=(1.0, 0.0), predictions=kept),
            write_run(seed=2, right=(1.0, 0.0), predictions=kept, metric="f1"),
        ]
    )
    _, predictions = tidy()
    assert [row["score"] for row in predictions] == [1.0, 0.0, None, None]


def test_clusters_go_along(write_run: Write, write_runs: Callable[..., None], tidy: Tidy) -> None:
    clusters = {"cluster": ["a", "a", "b"]}
    write_runs([write_run(predictions=clusters), write_run(seed=2)])
    _, predictions = tidy()
    assert [row["cluster"] for row in predictions] == ["a", "a", "b", None, None, None]


def test_predictions_are_written_a_run_at_a_time_and_say_who_made_them(
    write_run: Write, write_runs: Callable[..., None], tidy: Tidy, tmp_path: Path
) -> None:
    write_runs([write_run(seed=seed) for seed in (1, 2, 3)])
    tidy()
    path = tmp_path / "studies/default/predictions.parquet"
    assert pq.ParquetFile(path).metadata.num_row_groups == 3
    frame = pd.read_parquet(path)
    assert {str(frame[name].dtype) for name in ("model", "mask", "id")} == {"category"}
    assert list(frame.groupby("seed")["score"].mean().round(3)) == [0.667] * 3
    assert origin_of(pq.read_table(path))["stage"] == STAGE


@pytest.mark.parametrize("name", ["metrics", "predictions"])
def test_a_missing_run_is_one_line_and_nothing_is_written(
    name: str, write_run: Write, write_runs: Callable[..., None], tidy: Tidy, tmp_path: Path
) -> None:
    row = write_run()
    write_runs([row])
    (tmp_path / row["run"] / f"{name}.parquet").unlink()
    with pytest.raises(SystemExit, match=rf"^error: \S*/dense/seed1/{name}\.parquet: no such file"):
        tidy()
    assert not list((tmp_path / "studies/default").glob("*.parquet"))
