"""The report as a target of the workflow, and beside it Snakemake's own."""

import json
import re
from pathlib import Path

import pytest

from project import Project

pytestmark = pytest.mark.workflow

TABLES_ALONE = ("report", "--profile", "profiles/figures", "--forcerun", "report")


def _report(project: Project) -> Path:
    return project.results / "studies/tiny/report.html"


def test_a_study_ends_with_its_report(finished_project: Project) -> None:
    page = _report(finished_project).read_text(encoding="utf-8")
    assert page.count('src="data:image/png;base64,') == 3
    assert "make study STUDY=study.yaml" in page
    assert str(finished_project.folder) not in page
    for link in re.findall(r'href="([^"#]*/[^"]*)"', page):
        assert (_report(finished_project).parent / link).exists(), link
    known = json.loads((_report(finished_project).parent / "provenance.json").read_text())
    assert known["runs"]["count"] == known["runs"]["found"] == 2
    stages = {row["stage"]: row for row in known["stages"]}
    assert stages["runs"]["measured"] == stages["runs"]["jobs"] == 2
    assert stages["masks"]["jobs"] == stages["masks"]["measured"]


def test_another_caption_makes_the_page_again_and_its_path_is_told(project: Project) -> None:
    project.edit(
        "workflow/essential_sparsity/figures/drop/caption.rst",
        "Performance drop",
        "Drop of performance",
    )
    # The captions lie beside the kinds of figures, which the provenance names.
    assert project.planned() == {"provenance": 1, "report": 1}
    assert "Report\nresults/studies/tiny/report.html\n" in project.run()
    assert "Drop of performance" in _report(project).read_text(encoding="utf-8")


def test_tables_alone_make_it_again_and_say_what_is_unknown(project: Project) -> None:
    before = _report(project).read_bytes()
    for folder in ("checkpoints", "masks", "runs", "tasks"):
        (project.results / folder).rename(project.folder / f"{folder}-elsewhere")
    project.run(*TABLES_ALONE)
    assert _report(project).read_bytes() == before
    (project.results / "studies/tiny/provenance.json").unlink()
    project.run(*TABLES_ALONE)
    assert "commit unknown" in _report(project).read_text(encoding="utf-8")


def test_snakemakes_own_report_has_captions_categories_and_labels(project: Project) -> None:
    project.run("study", "--report", "own.html")
    page = (project.results / "own.html").read_text(encoding="utf-8")
    for caption in ("figures/drop", "figures/placement", "report", "figures/essential"):
        file = project.folder / f"workflow/essential_sparsity/{caption}/caption.rst"
        text = file.read_text(encoding="utf-8")
        assert " ".join(text.split()[:5]) in " ".join(page.split()), caption
    for word in ('"Figures"', '"Report"', '"kind"', '"placement"'):
        assert word in page, word
