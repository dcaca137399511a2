"""The studies that come with the project: sound, and with the jobs that they are meant to have."""

import pytest

from essential_sparsity.stages.masks import MASK, TICKET
from essential_sparsity.stages.runs import RUN
from essential_sparsity.stages.sources import CHECKPOINT, TASK
from essential_sparsity.study.document import Study
from essential_sparsity.study.jobs import resolve_study
from essential_sparsity.support.yaml_files import read_yaml
from project import ROOT, Project

pytestmark = pytest.mark.workflow

STUDIES = ["config.yaml", *(f"studies/{file.name}" for file in ROOT.glob("studies/*.yaml"))]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("studies"))
    project.clone_sources()
    return project


@pytest.fixture(scope="module")
def jobs(clone: Project) -> dict[str, dict[str, int]]:
    """Study file → rule → how many jobs a first run has, as Snakemake lists them."""
    return {study: clone.planned(study=study) for study in STUDIES}


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_has_jobs_for_all_of_its_figures(
    study: str, jobs: dict[str, dict[str, int]]
) -> None:
    experiments = Study.check(read_yaml(ROOT / study), study).experiments
    found = sum(n for rule, n in jobs[study].items() if rule.endswith("_figure"))
    has_curves = any(e.figure in ("drop", "pattern") for e in experiments)
    assert jobs[study].get("essential_figure", 0) == has_curves
    assert found == len(experiments) + has_curves
    assert jobs[study]["summary"] == 1


def test_the_paper(jobs: dict[str, dict[str, int]]) -> None:
    """Counted by hand from the figures' lists."""
    # Figure 2: 4 models, dense and 9 sparsities; 5 tasks with 3 seeds and RTE with 10.
    figure2 = 4 * 10 * (5 * 3 + 10)
    # Figure 3: 2 models, 3 tasks, 3 seeds; Figure 6 has one model more, and one of those.
    figure3 = figure6 = 2 * 10 * 3 * 3
    # Figure 5: 1 model, 10 patterns and 7 sparsities, of which Figure 2 has one, and dense.
    figure5 = (10 + 7 - 1) * (3 * 3 + 10)
    # Figure 9: 9 tickets of each task and seed; 5 tasks of one model and 3 of another, 3 seeds.
    figure9 = 9 * (5 + 3) * 3
    found = jobs["studies/paper.yaml"]
    assert found["run"] == figure2 + figure3 + figure5 + figure6 // 2 + figure9 == 1790
    assert found["ticket"] == figure9  # Figure 10's are among them
    assert found["checkpoint"] == 7
    # And Figure 1's, and Figure 10's noise at four sparsities of two models.
    assert found["mask"] == 7 * 10 + (10 + 7 - 1) + 1 + 4 * 2


def test_minilm(jobs: dict[str, dict[str, int]]) -> None:
    found = jobs["studies/minilm.yaml"]
    # And of two seeds, one more one-shot mask and two tickets.
    assert found["run"] == 2 * (1 + 5 + 1) * 3 + 3 * 2
    assert found["ticket"] == 2 * 2
    assert found["checkpoint"] == 2


def test_make_plan_counts_as_snakemake_does(
    clone: Project, jobs: dict[str, dict[str, int]]
) -> None:
    for file in STUDIES:
        study = Study.check(read_yaml(ROOT / file), file)
        resolved = resolve_study(study, ROOT, (file,), clone.results)
        counts = {
            stage.name: len(list(stage.places(resolved)))
            for stage in (CHECKPOINT, TASK, MASK, RUN, TICKET)
        }
        listed = {rule: jobs[file].get(rule, 0) for rule in counts}
        # A ticket is a mask.
        listed["mask"] += listed["ticket"]
        assert counts == listed, file
