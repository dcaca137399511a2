"""Two results folders compared: what differs and where, and what only one of them has."""

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from essential_sparsity.compare_results import compare_results
from essential_sparsity.support.errors import UserError

RUN = "runs/bert/topic/quick-1/dense/seed1/metrics.parquet"
TABLE = "studies/mine/drop/drop.parquet"
FIGURE = "studies/mine/figures/drop.parquet"
MASK = "masks/bert/magnitude-global-s0.50"


def write_rows(path: Path, **columns: list[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders that are equal but for times."""
    for name, seconds in (("a", 1.0), ("b", 2.0)):
        write_rows(tmp_path / name / RUN, score=[70.0, 71.5], seconds=[seconds] * 2)
        write_rows(tmp_path / name / TABLE, drop=[1.5, math.nan], grid=[[0.1, 0.2], []])
        write_rows(tmp_path / name / FIGURE, drop=[1.5, 2.0])
        mask = tmp_path / name / MASK
        mask.parent.mkdir(parents=True)
        mask.with_suffix(".50.safetensors").write_bytes(b"bits")
        mask.with_suffix(".50.json").write_text(json.dumps({"sha256": "ab", "code": name}))
        (tmp_path / name / "logs").mkdir()
        (tmp_path / name / f"logs/{name}.json").write_text("{}")
    return tmp_path / "a", tmp_path / "b"


def test_equal_but_for_times(folders: tuple[Path, Path]) -> None:
    counts, lines = compare_results(*folders)
    assert dict(counts) == {"equal": 5, "differ": 0, "only in A": 0, "only in B": 0}
    assert "masks: 2 equal, 0 differ, 0 only in A, 0 only in B" in lines
    assert [line.split(":")[0] for line in lines[:4]] == ["masks", "runs", "tables", "figures"]
    assert lines[-1] == "not compared, and in how many files: code 1, seconds 1"


@pytest.mark.parametrize(
    ("path", "columns", "line"),
    [
        (RUN, {"score": [70.0, 71.25]}, "row 1, column score: 71.5 | 71.25"),
        (TABLE, {"drop": [1.5, math.nan], "grid": [[0.1], []]}, "row 0, column grid: [0.1, 0.2]"),
        (TABLE, {"drop": [1.5, 0.0], "grid": [[0.1, 0.2], []]}, "row 1, column drop: nan | 0.0"),
        (FIGURE, {"drop": [1.5]}, "2 rows | 1 rows"),
    ],
)
def test_the_first_difference_of_a_file_is_told(
    folders: tuple[Path, Path], path: str, columns: dict[str, Any], line: str
) -> None:
    write_rows(folders[1] / path, **columns)
    counts, lines = compare_results(*folders)
    assert counts["differ"] == 1
    (told,) = [text for text in lines if "differ: " in text]
    assert told.startswith(f"  differ: {path}: {line}")


def test_masks_differ_by_their_bytes_and_by_their_digest(folders: tuple[Path, Path]) -> None:
    (folders[1] / f"{MASK}.safetensors").write_bytes(b"bats")
    (folders[1] / f"{MASK}.json").write_text(json.dumps({"sha256": "cd"}))
    counts, lines = compare_results(*folders, tolerance=1.0)
    assert counts["differ"] == 2
    assert f"  differ: {MASK}.safetensors: bytes differ" in lines
    assert f"  differ: {MASK}.json: row 0, column sha256: 'ab' | 'cd'" in lines


def test_a_column_of_one_side_is_named_and_does_not_count(folders: tuple[Path, Path]) -> None:
    write_rows(folders[1] / RUN, score=[70.0, 71.5], seconds=[0.0, 0.0], label=["x", "y"])
    counts, lines = compare_results(*folders)
    assert counts["differ"] == 0
    assert "label (only in B) 1" in lines[-1]


def test_types_may_differ_where_values_do_not(folders: tuple[Path, Path]) -> None:
    write_rows(folders[0] / FIGURE, drop=pa.array([1, 2], pa.int64()))  # type: ignore[arg-type]
    write_rows(folders[1] / FIGURE, drop=pa.array([1, 2], pa.int32()))  # type: ignore[arg-type]
    assert compare_results(*folders)[0]["differ"] == 0


@pytest.mark.parametrize(("tolerance", "differ"), [(0.0, 1), (1e-4, 1), (1e-2, 0)])
def test_a_tolerance_is_relative(folders: tuple[Path, Path], tolerance: float, differ: int) -> None:
    write_rows(folders[1] / RUN, score=[70.0, 71.6])
    assert compare_results(*folders, tolerance=tolerance)[0]["differ"] == differ


def test_the_command_says_what_one_side_lacks_and_fails_where_something_differs(
    folders: tuple[Path, Path],
) -> None:
    def run() -> "subprocess.CompletedProcess[str]":
        module = "essential_sparsity.compare_results"
        return subprocess.run(
            [sys.executable, "-m", module, *folders], capture_output=True, text=True, check=False
        )

    (folders[0] / TABLE).unlink()
    shutil.rmtree(folders[1] / "runs")
    done = run()
    assert done.returncode == 0
    assert (
        f"tables: 0 equal, 0 differ, 0 only in A, 1 only in B\n  only in B: {TABLE}" in done.stdout
    )
    assert f"  only in A: {RUN}\n" in done.stdout
    write_rows(folders[1] / FIGURE, drop=[0.0, 0.0])
    assert run().returncode == 1


def test_what_are_no_results_is_one_line(folders: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere: no such folder"):
        compare_results(folders[0], tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no artifact in common"):
        compare_results(folders[0], tmp_path / "empty")
    (folders[1] / RUN).write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"metrics.parquet: cannot be read"):
        compare_results(*folders)
