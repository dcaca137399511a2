from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from essential_sparsity.estimators.words import format_essential
from essential_sparsity.figures.drop.tables import SCHEMAS
from essential_sparsity.report import summary
from essential_sparsity.report.summary import WIDTH, summarize
from essential_sparsity.support.errors import UserError


def _curve(estimate: str, low: str, high: str, **fields: Any) -> dict[str, Any]:
    """A row of `essential`; sparsities as the summary prints them, such as '> 90'."""
    row: dict[str, Any] = {
        "model": "minilm", "task": "topic", "family": "magnitude-global",
        "label": "magnitude, global", "criterion": "magnitude", "scope": "global",
        "epsilon": 1.0, "confidence": 0.95, "dense_score": 72.14, "dense_low": 70.0,
        "dense_high": 74.6, "metric": "accuracy", "constant": 50.0, "seeds": 3, "examples": 400,
        "resolution": 0.8, "resolved": True, "main": True, "certified": 0.4,
        "certified_censored": "", "certification_level": 0.95, "failed": 0,
    }  # fmt: skip
    for name, text in (("estimate", estimate), ("low", low), ("high", high)):
        row[name] = float(text.strip("<> ")) / 100
        row[f"{name}_censored"] = {"<": "below", ">": "above"}.get(text[0], "")
    return {**row, **fields}


def _write(folder: Path, *curves: dict[str, Any]) -> Path:
    folder.mkdir()
    table = pa.Table.from_pylist(list(curves), SCHEMAS["essential"])
    pq.write_table(table, folder / "essential.parquet")
    return folder


@pytest.mark.parametrize(
    ("curve", "text"),
    [
        (("52.34", "44", "61.01"), "52.3 % [44, 61]"),
        (("> 90", "> 90", "> 90"), "> 90 % [> 90, > 90]"),
        (("> 90", "78", "> 90"), "> 90 % [78, > 90]"),
        (("52", "< 10", "> 90"), "52 % [< 10, > 90]"),
        (("< 10", "< 10", "< 10"), "< 10 % [< 10, < 10]"),
        (("< 10", "< 10", "13"), "< 10 % [< 10, 13]"),
        (("90", "90", "90"), "90 % [90, 90]"),
        (("97.65", "96.875", "> 98.4375"), "97.7 % [96.9, > 98.4]"),
    ],
)
def test_format_essential(curve: tuple[str, str, str], text: str) -> None:
    assert format_essential(_curve(*curve)) == text


def test_what_is_not_resolved_has_no_number() -> None:
    assert format_essential(_curve("52.3", "44", "> 90", resolved=False)) == "[44, > 90] %"


def test_golden_text(tmp_path: Path) -> None:
    first = _write(
        tmp_path / "figure2",
        _curve("52.3", "44", "61"),
        _curve("20", "10", "30", epsilon=0.5, main=False),
        _curve("> 90", "78", "> 90", task="pair", resolution=2.34, resolved=False, certified=None,
               uncertified_because="100 examples are too few for 1 point"),
        _curve("< 10", "< 10", "< 10", model="opt-125m", dense_score=100.0, seeds=10, certified=0),
    )  # fmt: skip
    second = _write(
        tmp_path / "wide-epsilon",
        _curve("20", "10", "30", epsilon=2.5, confidence=0.9, certification_level=0.9),
        _curve("> 90", "80", "> 90", epsilon=2.5, confidence=0.9, label="magnitude, layer",
               certified=0.9, certified_censored="above"),
    )  # fmt: skip
    (tmp_path / "placement").mkdir()
    text = summarize(
        [first, tmp_path / "placement", second],
        ["studies/s/figures/figure2.png", "studies/s/figures/placement.png"],
        root="results/",
    )
    assert text == (
        "figure2: essential sparsity, the largest that costs at most 1 point [95 % interval]\n"
        "model      task    dense score     essential sparsity    certified   seeds\n"
        "minilm     topic   72.1 ± 2.3 %    52.3 % [44, 61]       40 %        3\n"
        "minilm     pair    72.1 ± 2.3 %    [78, > 90] % *        –           3\n"
        "opt-125m   topic   100.0 ± 2.3 %   < 10 % [< 10, < 10]   none        10\n"
        "certified: all tested sparsities up to there cost less than 1 point, with 95 % "
        "confidence\n"
        "– 100 examples are too few for 1 point\n"
        "* not resolved: noise of up to ± 2.3 points hides a drop of 1; it takes more\n"
        "  seeds or a larger evaluation set\n"
        "\n"
        "wide-epsilon: essential sparsity, the largest that costs at most 2.5 points "
        "[90 % interval]\n"
        "model    task    mask                dense score    essential sparsity   certified   "
        "seeds\n"
        "minilm   topic   magnitude, global   72.1 ± 2.3 %   20 % [10, 30]        40 %        3\n"
        "minilm   topic   magnitude, layer    72.1 ± 2.3 %   > 90 % [80, > 90]    ≥ 90 %      3\n"
        "certified: all tested sparsities up to there cost less than 2.5 points, with 90 % "
        "confidence\n"
        "\n"
        "Figures\n"
        "results/studies/s/figures/figure2.png\n"
        "results/studies/s/figures/placement.png\n"
    )


def test_lines_stay_within_the_width(tmp_path: Path) -> None:
    long = "a-name-of-sixty-four-letters-".ljust(64, "x")
    curve = _curve("> 98.44", "< 10.55", "> 98.44", model=long, task=long, failed=1)
    text = summarize([_write(tmp_path / long, curve, {**curve, "label": "magnitude, layer"})], [])
    assert max(map(len, text.splitlines())) <= WIDTH
    assert text.splitlines()[2].startswith("a-nam…   a-nam…   magnitude, global")


def test_damaged_table_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "figure2"
    folder.mkdir()
    (folder / "essential.parquet").write_bytes(b"no parquet")
    with pytest.raises(UserError, match=r"figure2/essential\.parquet: not a readable Parquet file"):
        summarize([folder], [])


def test_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = _write(tmp_path / "figure2", _curve("52", "44", "61"))
    output = tmp_path / "summary.txt"
    arguments = ["--tables", str(folder), "--figures", "a.png", "b.png", "--output", str(output)]
    monkeypatch.setattr("sys.argv", ["summary", *arguments, "--root", "r/"])
    summary.main()
    assert output.read_text() == summarize([folder], ["a.png", "b.png"], "r/")


def test_a_task_that_was_not_learnt_is_marked(tmp_path: Path) -> None:
    """A dense model at chance has nothing to lose: its flat curve is no essential sparsity."""
    chance = _curve("> 90", "> 90", "> 90", task="rte", dense_low=49.9, failed=2)
    text = summarize([_write(tmp_path / "drop", chance, _curve("52", "44", "61"))], [])
    marked, plain = text.splitlines()[2:4]
    assert "   > 90 % [> 90, > 90] †‡   " in marked
    assert "†" not in plain
    assert "† the dense model is no better than a constant answer" in text
    assert all(len(line) <= WIDTH for line in text.splitlines())


def test_scores_bear_the_unit_of_their_metric(tmp_path: Path) -> None:
    curve = ("52", "44", "61")
    text = summarize(
        [
            _write(
                tmp_path / "drop",
                _curve(*curve, metric="f1"),
                _curve(*curve, metric="matthews", constant=0.0),
                _curve(*curve, metric="span-f1", constant=None),
            )
        ],
        [],
    )
    assert [line[17:34].strip() for line in text.splitlines()[2:5]] == [
        "72.1 ± 2.3 % F1", "72.1 ± 2.3 MCC", "72.1 ± 2.3 % F1",
    ]  # fmt: skip
    assert "†" not in text
    assert text.splitlines()[6] == (
        "scores that are correlations are × 100, and their points hundredths"
    )
