"""The stage from the command line, and what the summary says of its table."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from claims_tables import Tables, claim, curve
from essential_sparsity.claims import __main__ as stage
from essential_sparsity.claims.evaluation import SCHEMA, summarize_claims, tolerance_of
from essential_sparsity.support import tables as table_files
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.lines import WIDTH

FREE = {"kind": "essential-within", "low": 0.3}
BERT = {"models": ["bert-base"], "tasks": ["rte"]}


def run(tables: Tables, monkeypatch: pytest.MonkeyPatch, *rows: dict[str, Any]) -> Path:
    tables.write("essential", list(rows))
    output = tables.folder / "claims.parquet"
    spec = tables.spec(claim(FREE, every=BERT)).canonical()
    arguments = ["--spec", spec, "--study", str(tables.folder), "--output", str(output)]
    monkeypatch.setattr("sys.argv", ["claims", *arguments])
    stage.main()
    return output


def test_the_table_explains_itself(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    path = run(tables, monkeypatch, curve("bert-base", "rte", "50", "45", "55", certified=0.4))
    table = pq.read_table(path)
    assert table.schema.equals(SCHEMA)
    origin = table_files.origin_of(table)
    assert origin["stage"] == "essential_sparsity.claims"
    assert origin["spec"]["claims"]["c"]["test"] == FREE
    assert table["verdict"].to_pylist() == ["holds"]


def test_the_summary_has_a_line_a_verdict(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    path = run(tables, monkeypatch, curve("bert-base", "rte", "50", "45", "55", certified=0.4))
    assert summarize_claims(path) == (
        "Claims of the paper\nc   holds   50 [45, 55] %, ε = 1 point   The paper's models do."
    )


def test_the_summary_says_what_is_only_known_to_lie_beyond(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = run(tables, monkeypatch, curve("bert-base", "rte", "> 50", "45", "> 50", certified=0.4))
    assert "c   holds   > 50 [45, 100] %, ε = 1 point   " in summarize_claims(path)


def test_a_verdict_says_at_which_tolerance_it_stands(tables: Tables) -> None:
    """So that `holds` at 5 points is not taken for the paper's 1."""
    tables.write(
        "essential", [curve("bert-base", "rte", "50", "45", "55", certified=0.4, epsilon=5.0)]
    )
    (row,) = tables.judge(claim(FREE, every=BERT), epsilon=5.0)
    assert (row["verdict"], row["epsilon"]) == ("holds", 5)
    assert tolerance_of(row) == "ε = 5 points"


def test_own_verdicts_stand_under_a_heading_that_says_so(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = run(tables, monkeypatch, curve("small-bert", "topic", "15", "12", "18"))
    assert summarize_claims(path).splitlines() == [
        "Claims of the paper, asked of this study's own models: no verdicts on the paper",
        "c   does not   15 [12, 18] %, ε = 1 point   Models do. (own models: Small-Bert on Topic)",
    ]


def test_a_study_without_verdicts_has_no_section(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = run(tables, monkeypatch, curve("unknown", "rte", "50", "45", "55"))
    assert pq.read_table(path).num_rows == 0
    assert summarize_claims(path) == ""


def test_lines_stay_within_the_width(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = [f"task{number}" for number in range(30)]
    rows = [curve("small-bert", task, "15", "12", "18") for task in tasks]
    text = summarize_claims(run(tables, monkeypatch, *rows))
    assert max(map(len, text.splitlines())) <= WIDTH


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "claims.parquet").write_bytes(b"no parquet")
    with pytest.raises(UserError, match=r"claims\.parquet: not a readable Parquet file"):
        summarize_claims(tmp_path / "claims.parquet")
