import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from matplotlib.figure import Figure

import essential_sparsity
from essential_sparsity.drawing.spec import FigureSpec
from essential_sparsity.figures import drawing_stage
from essential_sparsity.figures.drop.draw import COLUMNS
from essential_sparsity.figures.drop.draw import select as select_drop
from essential_sparsity.figures.kinds import FIGURE_KINDS
from essential_sparsity.support.errors import run_stage
from essential_sparsity.support.tables import origin_of

MakeTables = Callable[..., dict[str, pa.Table]]
SPEC = '{"models":{"bert":"BERT-base"}}'
ENDS = ("parquet", "pdf", "png")


@pytest.fixture
def tables(
    tmp_path: Path,
    drop_tables: MakeTables,
    placement_tables: MakeTables,
    positions_tables: MakeTables,
) -> Path:
    folder = tmp_path / "tables"
    folder.mkdir()
    made = {
        **drop_tables(models=("bert",), tasks=1, patterns=("2:4",)),
        **placement_tables(sparsities=(0.5,)),
        **positions_tables(),
    }
    for name, table in made.items():
        pq.write_table(table, folder / f"{name}.parquet")
    return folder


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tables: Path) -> Callable[..., None]:
    def run(kind: str, output: Path, spec: str = SPEC) -> None:
        arguments = ["--spec", spec, "--tables", str(tables), "--output", str(output)]
        monkeypatch.setattr(sys, "argv", ["stage", FIGURE_KINDS[kind].package, *arguments])
        run_stage(drawing_stage.main)

    return run


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["drop", "pattern", "placement", "positions"])
def test_three_files_are_written_and_their_bytes_are_the_same_again(
    kind: str, run: Callable[..., None], tables: Path, tmp_path: Path
) -> None:
    run(kind, tmp_path / "here" / "figure-0.5")
    assert sorted(p.name for p in (tmp_path / "here").iterdir()) == [
        f"figure-0.5.{end}" for end in ENDS
    ]
    # Another process, with other hashes, another day.
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "5",
        "SOURCE_DATE_EPOCH": "1",
        "PYTHONPATH": str(Path(essential_sparsity.__file__).parents[1]),
    }
    output = tmp_path / "there" / "figure-0.5"
    arguments = ["--spec", SPEC, "--tables", str(tables), "--output", str(output)]
    command = [sys.executable, "-m", drawing_stage.STAGE, FIGURE_KINDS[kind].package, *arguments]
    subprocess.run(command, env=environment, check=True)
    for end in ENDS:
        one, other = (tmp_path / place / f"figure-0.5.{end}" for place in ("here", "there"))
        assert one.read_bytes() == other.read_bytes(), end


def test_pictures_hold_no_date_and_text_stays_text(
    run: Callable[..., None], tmp_path: Path
) -> None:
    run("drop", tmp_path / "figure")
    pdf, png = ((tmp_path / f"figure.{end}").read_bytes() for end in ("pdf", "png"))
    assert b"CreationDate" not in pdf and b"Software" not in png
    assert b"/Type42" in pdf.replace(b" ", b"") or b"/CIDFontType2" in pdf.replace(b" ", b"")
    assert b"/Type3" not in pdf.replace(b" ", b"")
    width = int.from_bytes(png[16:20], "big")
    assert width == round(3.3 * 300)


def test_the_data_are_those_drawn_and_say_where_they_come_from(
    run: Callable[..., None], tables: Path, tmp_path: Path
) -> None:
    run("drop", tmp_path / "figure")
    written = pq.read_table(tmp_path / "figure.parquet")
    read = {name: pq.read_table(tables / f"{name}.parquet") for name in COLUMNS}
    assert written.equals(select_drop(read, FigureSpec.read(SPEC)))
    origin = origin_of(written)
    assert origin["stage"] == FIGURE_KINDS["drop"].drawing
    assert origin["spec"] == {"models": {"bert": "BERT-base"}}


@pytest.mark.parametrize(
    ("kind", "name"),
    [("drop", "runs"), ("drop", "drop"), ("drop", "essential"), ("placement", "placement")],
)
@pytest.mark.parametrize(
    ("damage", "line"),
    [
        ("missing", "no such file"),
        ("truncated", "not a readable Parquet file"),
        ("empty", "has no rows; there is nothing to draw"),
        ("column", r"lacks the column\(s\) (sparsity|estimate);.* run the study again"),
    ],
)
def test_a_bad_table_is_named_in_one_line_and_nothing_is_written(
    kind: str,
    name: str,
    damage: str,
    line: str,
    run: Callable[..., None],
    tables: Path,
    tmp_path: Path,
) -> None:
    path = tables / f"{name}.parquet"
    table = pq.read_table(path)
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:100])
    elif damage == "empty":
        pq.write_table(table.slice(0, 0), path)
    else:
        pq.write_table(table.drop_columns("estimate" if name == "essential" else "sparsity"), path)
    with pytest.raises(SystemExit, match=rf"^error: \S*/{name}\.parquet: .*({line})") as error:
        run(kind, tmp_path / "out" / "figure")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_a_bad_spec_is_one_line(run: Callable[..., None], tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"^error: --spec: epsilom: unknown key; did you mean"):
        run("drop", tmp_path / "figure", spec='{"epsilom": 1}')
    assert not list(tmp_path.glob("figure*"))


def test_an_error_while_saving_leaves_the_old_files_as_they_were(
    run: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("drop", tmp_path / "figure")
    before = {p.name: p.read_bytes() for p in tmp_path.glob("*figure*")}
    save = Figure.savefig

    def fail(figure: Figure, path: Path, format: str, **options: object) -> None:
        if format == "pdf":
            raise RuntimeError("broken")
        save(figure, path, format=format, **options)

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(RuntimeError):
        run("drop", tmp_path / "figure", spec='{"models":{"bert":"Another name"}}')
    assert {p.name: p.read_bytes() for p in tmp_path.glob("*figure*")} == before
    assert not list(tmp_path.glob(".*part"))
