"""What the page says, as its reader finds it in the file."""

import json
import os
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from essential_sparsity.figures.kinds import FIGURE_KINDS
from essential_sparsity.report.page import load_caption
from essential_sparsity.report.planned import report_spec
from essential_sparsity.report.results import failures_table
from essential_sparsity.study.document import Study
from essential_sparsity.study.jobs import resolve_study
from essential_sparsity.support.files import write_json
from essential_sparsity.support.yaml_files import read_yaml

from .conftest import WriteReport, write_report
from .written_study import provenance, spec, write_study

ROOT = Path(__file__).parents[2]
SCRIPT = "<script>document.title='taken'</script>"


class Page(HTMLParser):
    """A page's text, its tables by caption (rows of cells), and all attributes by name."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.source = file.read_text(encoding="utf-8")
        self.tables: dict[str, list[list[str]]] = {}
        self.attributes: dict[str, list[str]] = {}
        self.texts: list[str] = []
        self.tags: list[str] = []
        self._rows: list[list[str]] = []
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")
        if tag == "table":
            self._rows = self.tables[str(dict(attrs)["aria-label"])] = []
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")
        elif tag == "small":
            self._rows[-1][-1] += " | "

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self._rows = []

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self._rows and self._rows[-1]:
            self._rows[-1][-1] += data.strip()

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def table(self, start: str) -> list[list[str]]:
        (found,) = (rows for caption, rows in self.tables.items() if caption.startswith(start))
        return found


def test_essential_sparsities_with_intervals_bounds_and_doubts(report: WriteReport) -> None:
    head, *rows = Page(report()).table("Essential sparsity: the largest")
    assert head == [
        "Model", "Task", "Essential sparsity, %", "95 % interval", "Certified, %", "Dense score",
        "Turn", "Seeds", "Examples", "Notes",
    ]  # fmt: skip
    by_task = {row[1]: row for row in rows}
    assert len(rows) == 3, "one row a curve: the main tolerance's"
    assert by_task["SST-2"][2:7] == [
        "> 90", "[> 85, > 90]", "≥ 90", "91.8 ± 2.0 %", "sharp"
    ]  # fmt: skip
    assert by_task["MNLI"][2] == "< 10"
    assert by_task["RTE"][2] == "not resolved", "in place of a number"
    assert by_task["RTE"][4] == "–"
    assert by_task["RTE"][9] == (
        " | not resolved: noise of ± 2.8 points hides a drop of 1"
        " | raw curve crosses ε more than once, from 50 to 60 %"
        " | not certified: one seed"
    )


def test_every_tolerance_has_a_column(report: WriteReport) -> None:
    head, *rows = Page(report()).table("Essential sparsity, %, by the drop")
    assert head == ["Model", "Task", "0.5 points", "1 point"]
    assert ["BERT-base", "RTE", "not resolved", "not resolved"] in rows


def test_claims_with_the_papers_value_beside_the_measured_one(report: WriteReport) -> None:
    head, *rows = Page(report(claim="No loss at 21.5 %.")).table("Claims")
    assert head[:5] == ["Claim", "Verdict", "Statement", "Paper", "Measured"]
    assert rows[0] == [
        "C2", "not resolved", "No loss at 21.5 %.", "no drop | §4",
        "< −0.2 points | [−1.5, 0.9] | ε = 1 point", "RTE has 277 examples", "drop",
    ]  # fmt: skip
    assert rows[1][0] == "C10 | own models"
    assert rows[1][4] == "–"


def test_differences_and_costs_where_an_experiment_has_them(report: WriteReport) -> None:
    page = Page(report())
    assert page.table("Score less that of magnitude, global")[1] == [
        "BERT-base",
        "RTE",
        "50",
        "70.0",
        "71.2",
        "−1.2",
        "[−2.0, +0.3]",
        "2",
    ]
    assert page.table("What masks cost")[1:] == [
        ["BERT-base", "RTE", "ticket, global", "50", "5", "2.5 min", "–", "30 s"]
    ]


def test_what_was_run(report: WriteReport) -> None:
    page = Page(report())
    digest = "0123456789abcdef" * 4
    assert page.table("Models")[1] == [
        "BERT-base | bert", "google-bert/bert-base-uncased", "c" * 40,
        f" | model.safetensors: {digest}", "109 482 240", "84 934 656",
    ]  # fmt: skip
    assert page.table("Task data")[1][1:] == [
        "nyu-mll/glue / rte", "b" * 40, "bert-128", "2 490", "277"
    ]  # fmt: skip
    assert page.table("Recipes")[1][3:] == ["5", "32", "2e-05", " | max length: 128"]
    assert page.table("Experiments")[1][5] == "1–3"
    assert page.table("Time by stage")[1:] == [
        ["Masks", "4", "66.7 min", "60 min", "–", "2.00 GiB"],
        ["Runs", "36", "66.7 min", "60 min", "2 h", "2.00 GiB"],
        ["Together", "40", "2.22 h", "2 h", "2 h", "2.00 GiB"],
    ]
    for fact in (
        f"commit {'d' * 40}, clean", "36, 2026-01-02 to 2026-01-03", "CPU, fp32 (36 trainings)",
        "Some CPU; 2 cores at hand; 16 GiB of memory; no GPU", "torch 2.13.0 and 2.13.0+cpu",
        "Of 1 jobs no time is known",
    ):  # fmt: skip
        assert fact in page.text, fact


def test_runs_that_diverged_are_listed_with_the_reason() -> None:
    run = {
        "model": "bert", "task": "rte", "label": "magnitude, global", "sparsity": 0.9, "seed": 2,
        "run": "runs/bert/rte/paper-1/magnitude-global-s0.90/seed2",
    }  # fmt: skip
    sound = {**run, "failure": None, "run": "another"}
    assert failures_table([sound], spec()) is None
    failed = {**run, "failure": "loss nan at step 7"}
    table = failures_table([sound, failed, failed], spec())
    assert table is not None
    ((*_, sparsity, seed, why),) = table.rows
    assert (sparsity.text, seed.text, why.text) == ("90.0", "2", "loss nan at step 7")


def test_how_to_run_it_again(report: WriteReport) -> None:
    assert "make study STUDY=studies/tiny.yaml" in Page(report()).text
    assert "make figures STUDY=studies/tiny.yaml" in Page(report()).text
    assert "To cite a figure or number of this page, name essential-sparsity at commit" in (
        " ".join(Page(report()).text.split())
    )
    assert 'STUDY="a.yaml b.yaml"' in Page(report(files=("a.yaml", "b.yaml"))).text
    page = Page(report())
    assert "did not hold" not in page.text and "changes that this commit" not in page.text
    outside = Page(report(files=("mine.yaml",), outside=("mine.yaml",))).text
    assert "Put mine.yaml into the clone first, which did not hold it" in outside
    default = Page(report(files=("config.yaml",))).text
    assert "make study" in default and "STUDY=" not in default


def test_a_curve_of_two_experiments_is_said_to_have_two_estimates(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study")
    assert "A curve of several experiments" not in Page(write_report(folder, spec())).text
    (folder / "again").mkdir()
    shutil.copy(folder / "drop/essential.parquet", folder / "again/essential.parquet")
    made = spec()
    again = made.experiments[0].model_copy(update={"name": "again"})
    made = made.model_copy(update={"experiments": (*made.experiments, again)})
    text = Page(write_report(folder, made)).text
    assert "A curve of several experiments is estimated by each" in text


def test_trainings_that_are_no_runs_are_explained(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study")
    document = provenance()
    document["devices"][0]["trainings"] = 40
    write_json(folder / "provenance.json", document)
    text = Page(write_report(folder, spec())).text
    assert "(40 trainings); more trainings than runs, as tickets are found by training" in text


def test_a_commit_that_lacks_changes_of_code_is_named_with_them(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study")
    document = provenance()
    document["code"]["clean"] = False
    write_json(folder / "provenance.json", document)
    text = Page(write_report(folder, spec())).text
    assert f"at commit {'d' * 40} : Code or catalog had changes that this commit" in text


def test_a_study_outside_of_the_clone_is_named_without_its_folder(tmp_path: Path) -> None:
    study = Study.check(read_yaml(ROOT / "config.yaml"), "config.yaml")
    files = ("studies/base.yaml", os.path.relpath(tmp_path / "mine.yaml", ROOT))
    made = report_spec(resolve_study(study, ROOT, files, ROOT / "results"))
    assert made.files == ("studies/base.yaml", "mine.yaml")
    assert made.outside == ("mine.yaml",)


def test_every_figure_is_inside_and_its_tables_are_beside(report: WriteReport) -> None:
    file = report()
    page = Page(file)
    sources = page.attributes["src"]
    assert len(sources) == 3
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    links = [link for link in page.attributes["href"] if not link.startswith(("#", "data:"))]
    assert {"drop/drop.parquet", "figures/drop.pdf", "tickets/cost.parquet"} <= set(links)
    assert [link for link in links if not (file.parent / link).exists()] == []


def test_captions_are_those_of_the_kind_of_figure(report: WriteReport) -> None:
    text = Page(report()).text
    for kind in ("drop", "difference", "essential"):
        assert " ".join(FIGURE_KINDS[kind].caption.read_text().split())[:200] in text


@pytest.mark.parametrize("kind", list(FIGURE_KINDS))
def test_every_kind_of_figure_has_a_caption_that_names_the_papers(kind: str) -> None:
    caption = load_caption(FIGURE_KINDS[kind].caption)
    assert caption.startswith("<p>")
    assert re.search(r"paper.{0,30}\bFigures?\b", caption, re.DOTALL), caption


def test_a_name_or_label_with_markup_is_text(report: WriteReport) -> None:
    file = report(label=SCRIPT, claim=SCRIPT, configuration=SCRIPT)
    page = Page(file)
    assert page.tags.count("script") == 1
    assert SCRIPT not in page.source
    assert SCRIPT in page.text


def test_no_home_folder_and_no_secret_gets_out(
    report: WriteReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/srv/people/ada")
    monkeypatch.setenv("HF_TOKEN", "sesame-street")
    folder = write_study(tmp_path / "study")
    path = folder / "provenance.json"
    known = json.loads(path.read_text())
    known["models"]["bert"]["source"] = {"kind": "folder", "path": "/srv/people/ada/models/x"}
    known["machine"]["cpu"] = "https://ada:secret@hub.example sesame-street hf_abcdefgh1234"
    write_json(path, known)
    configuration = "catalogs: [/home/grace/catalog, /Users/alan/catalog]"
    source = write_report(folder, spec(configuration=configuration)).read_text()
    assert "folder ~/models/x" in source
    assert "catalogs: [~/catalog, ~/catalog]" in source
    for private in ("ada", "grace", "alan", "secret", "sesame", "abcdefgh", str(tmp_path)):
        assert private not in source, private


def test_without_provenance_it_says_unknown(report: WriteReport) -> None:
    page = Page(report(known=False))
    assert page.table("Models")[1] == ["BERT-base | bert", *["unknown"] * 3, "–", "–"]
    assert "commit unknown" in page.text
    assert "Unknown: the record of what was run" in page.text
    assert "Claims of the paper" not in page.text


def test_figures_and_tables_that_are_not_there_are_left_out(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study")
    (folder / "figures/drop.png").unlink()
    (folder / "drop/essential.parquet").unlink()
    page = Page(write_report(folder, spec()))
    assert "The figure has not been drawn." in page.text
    assert not any(caption.startswith("Essential") for caption in page.tables)


def test_equal_tables_give_equal_bytes(tmp_path: Path) -> None:
    one, other = (
        write_report(write_study(tmp_path / name), spec()).read_bytes() for name in ("a", "b")
    )
    assert one == other


def test_bad_input_is_one_line_and_leaves_no_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_study(tmp_path / "study")
    (folder / "figures/drop.png").write_bytes(b"GIF89a")
    with pytest.raises(SystemExit, match=r"figures/drop\.png: not a PNG"):
        write_report(folder, spec())
    assert not (folder / "report.html").exists()
    (folder / "figures/drop.png").unlink()
    (folder / "claims.parquet").write_bytes(b"PAR1")
    with pytest.raises(SystemExit, match=r"claims\.parquet: not a readable Parquet"):
        write_report(folder, spec())


def test_a_search_with_what_it_took(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study")
    curve = {
        "model": "bert", "task": "rte", "family": "magnitude-global", "settled": True,
        "points": {"magnitude-global-s0.50": [1, 2], "magnitude-global-s0.55": [1, 2, 3]},
        "certification": {"magnitude-global-s0.50": [8, 9]}, "reason": "narrow enough",
        "located": {"estimate": 0.52, "low": 0.5, "high": 0.9, "high_censored": "above"},
    }  # fmt: skip
    for number, settled in ((1, False), (2, True)):
        document = {"number": number, "curves": [{**curve, "settled": settled}]}
        write_json(folder / f"drop/search/round{number}.json", document)
    page = Page(write_report(folder, spec()))
    assert page.table("Adaptive search, 2 rounds")[1] == [
        "BERT-base", "RTE", "2", "5", "2", "52 | [50, > 90]", "narrow enough"
    ]  # fmt: skip
