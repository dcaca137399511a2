"""A curve from a table of predictions: the study's own numbers, and one line where it is wrong."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from essential_sparsity.figures.drop.tables import compute
from essential_sparsity.outcomes.spec import RunsSpec
from essential_sparsity.tidy.curve import curve_of
from essential_sparsity.tidy.predictions import read_predictions
from finished_runs import runs_of
from finished_runs import small_study as small_study
from finished_runs import write_run as write_run
from project import ROOT


@pytest.fixture
def table(tmp_path: Path, small_study: RunsSpec) -> pd.DataFrame:
    """The tidy predictions of the curve of the study, its control left out."""
    runs = compute(tmp_path, runs_of(tmp_path), small_study)["runs"]
    predictions: pd.DataFrame = pa.concat_tables(read_predictions(tmp_path, runs)).to_pandas()
    return predictions.query("model == 'bert'").sample(frac=1, random_state=0)


def test_its_rows_are_those_of_the_study(
    tmp_path: Path, small_study: RunsSpec, table: pd.DataFrame
) -> None:
    expected = compute(tmp_path, runs_of(tmp_path), small_study)
    curve = curve_of(table, settings=small_study.statistics.settings())
    rows = list(curve.essential_rows())
    assert len(rows) == expected["essential"].num_rows > 1
    for row, whole in zip(rows, expected["essential"].to_pylist(), strict=True):
        assert {name: whole[name] for name in row} == row
    (sharpness,) = expected["sharpness"].to_pylist()
    assert curve.sharpness_row().items() <= sharpness.items()


def test_a_column_of_shares_is_a_metric_too(table: pd.DataFrame) -> None:
    shares = table[["sparsity", "seed", "id"]].assign(
        score=(table["label"] == table["prediction"]) / 2
    )
    assert curve_of(shares, metric=None).drops == pytest.approx(curve_of(table).drops / 2)


def test_shares_are_of_one(table: pd.DataFrame) -> None:
    shares = table[["sparsity", "seed", "id"]].assign(score=100.0)
    with pytest.raises(ValueError, match=r"score: 100 is not in \[0, 1\]"):
        curve_of(shares, metric=None)


@pytest.mark.parametrize("kind", [str, "category", "Float64", object])
def test_numbers_may_be_stored_as_anything(kind: Any, table: pd.DataFrame) -> None:
    stored = table.astype(dict.fromkeys(("sparsity", "seed", "label", "prediction"), kind))
    assert curve_of(stored).drops == pytest.approx(curve_of(table).drops)


def test_ids_may_be_numbers(table: pd.DataFrame) -> None:
    numbers = table.assign(id=table["id"].str[1:].astype(int))
    assert curve_of(numbers).drops == pytest.approx(curve_of(table).drops)


def _without(**values: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        chosen = pd.Series(True, index=table.index)
        for name, value in values.items():
            chosen &= table[name] == value
        return table[~chosen]

    return change


def _changed(name: str, value: Any, **at: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        chosen = pd.Series(True, index=table.index)
        for key, wanted in at.items():
            chosen &= table[key] == wanted
        changed = table.astype({name: object})
        changed.loc[chosen, name] = value
        return changed

    return change


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda t: t.drop(columns=["seed", "label"]), "lacks the column(s) seed, label"),
        (_changed("prediction", float("nan"), seed=2), "prediction: 'nan' is not a finite number"),
        (_changed("sparsity", "half", seed=2), "sparsity: 'half' is not a finite number"),
        (_changed("model", "other", seed=2), "model: a curve has one, not several ("),
        (_changed("mask", "magnitude-layer-s0.50", sparsity=0.5, seed=2), "have sparsity 0.5"),
        (_without(sparsity=0.0), "sparsity: there is no 0"),
        (lambda t: t.query("sparsity == 0"), "sparsity: there is none but 0"),
        (_without(sparsity=0.0, seed=2), "sparsity 0.5, seed 2: the dense model has no run"),
        (_without(sparsity=0.5, seed=2, id="e3"), "sparsity 0.5, seed 2: id 'e3': this run"),
        (
            _changed("label", 1.0, sparsity=0.9, seed=1, id="e0"),
            "sparsity 0.9, seed 1: id 'e0': this",
        ),
        (lambda t: pd.concat([t, t.iloc[:1]]), "an example is there more than once"),
        (_changed("sparsity", -0.5, sparsity=0.5), "sparsity: -0.5 is not in [0, 1)"),
        (_changed("seed", 1.5, seed=2), "seed: 1.5 is not a whole number"),
        (
            _changed("family", "random-global", sparsity=0.9),
            "is of one, not several (magni",
        ),
        (
            lambda t: t.assign(
                prediction=t["prediction"].astype("Int64").mask(t["id"] == "e1", pd.NA)
            ),
            "prediction: '<NA>' is not a finite number",
        ),
        (_changed("id", None, id="e1"), "id: one is missing"),
    ],
)
def test_what_is_no_curve_is_one_line(
    change: Callable[[pd.DataFrame], pd.DataFrame], line: str, table: pd.DataFrame
) -> None:
    with pytest.raises(ValueError, match=re.escape(line)) as caught:
        curve_of(change(table))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("metric", ["bleu", "span-f1"])
def test_an_unknown_metric_names_those_there_are(metric: str, table: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match=f"'{metric}' is none of accuracy, f1, .*, nor None"):
        curve_of(table, metric)


def test_the_example_of_the_docs_works_as_printed(
    tmp_path: Path,
    table: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = (ROOT / "docs/protocol.md").read_text(encoding="utf-8")
    (code,) = [c for c in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "curve_of" in c]
    folder = tmp_path / "results/studies/default"
    folder.mkdir(parents=True)
    table.assign(model="minilm-l6", task="topic").to_parquet(folder / "predictions.parquet")
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("1 point       [< 50, 88.3] %  certified –"), shown
