"""The replay of the history: what it compares, and what it says of it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from benchmarks import replay
from benchmarks.replay import Commit, Replay, Row, difference, gained, render, rows_of


def results(folder: Path, score: float, seconds: float, bit: int, **more: list[int]) -> Path:
    run = folder / "runs/tiny/seed1"
    run.mkdir(parents=True)
    pq.write_table(pa.table({"score": [score], "seconds": [seconds], **more}), run / "m.parquet")
    (folder / "masks").mkdir()
    save_file({"w": np.array([bit], np.uint8)}, folder / "masks/half.safetensors")
    return folder


def test_numbers_are_compared_on_what_both_have_without_times(tmp_path: Path) -> None:
    one = results(tmp_path / "one", 1.0, 2.0, 1)
    slower = results(tmp_path / "slower", 1.0, 3.0, 1, loss=[1])
    assert (difference(one, slower), gained(one, slower)) == ("", "loss")
    assert difference(one, results(tmp_path / "other", 1.5, 2.0, 1)) == "m: score"
    assert difference(one, results(tmp_path / "mask", 1.0, 2.0, 2)) == "masks: w"
    assert difference(one, "no such rule") == "does not run after: no such rule"


def commit(name: str, own: str, new: str) -> Commit:
    return Commit(name, "2026-01-01", f"Commit {name}", own, new)


def test_a_number_that_changes_under_an_equal_key_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = [
        commit("a", "", ""),
        commit("b", "1", "1"),
        commit("c", "2", "1"),
        commit("d", "3", "2"),
        commit("e", "3", "2"),
    ]
    found = {
        "b": results(tmp_path / "b", 1.0, 1.0, 1),
        "c": results(tmp_path / "c", 2.0, 1.0, 1),
        "d": results(tmp_path / "d", 2.0, 1.0, 1),
    }
    monkeypatch.setattr(Replay, "history", lambda *_: history)
    monkeypatch.setattr(Replay, "results", lambda _, name: found[name])
    rows = rows_of(Replay(tmp_path), "e")
    assert [(row.commit.name, row.own, row.new, row.numbers) for row in rows] == [
        ("b", True, True, "there were no runs before"),
        ("c", True, False, "m: score"),
        ("d", True, True, ""),
    ]
    assert [row.trains for row in rows] == [True, False, False]
    text = render(rows, 5)
    assert "| fingerprints of modules, as each commit had them | 3 |" in text
    assert "| fingerprints of definitions, as they are now | 2 |" in text
    assert "where a sample is equal | 1 |" in text
    assert "| numbers changed, and the fingerprint of definitions did not | 1 |" in text
    assert "| c 2026-01-01 | Commit c | changed |  | m: score |  |" in text


def test_it_ends_with_one_if_a_number_was_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["replay", "--folder", str(tmp_path)])
    monkeypatch.setattr(Replay, "history", lambda *_: [])
    for new, status in ((True, 0), (False, 1)):
        row = Row(commit("a", "1", "1"), True, new, "m: score")
        monkeypatch.setattr(replay, "rows_of", lambda *_, row=row: [row])
        assert replay.main() == status
