"""A search in the real workflow: round by round, resumed, shared with grids, and done once."""

import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from essential_sparsity.bundle.contents import contents_of
from essential_sparsity.search.rounds import Round, load_last
from essential_sparsity.study.document import Study
from essential_sparsity.study.jobs import load_study
from essential_sparsity.support.errors import UserError
from project import Project, kill_group, tiny_study

pytestmark = pytest.mark.workflow

FOLDER = "studies/tiny/drop/search"

# The finished project's study has run the dense model and 50 %, which lies between these two.
SEARCH = {"resolution": 0.25, "budget": 12, "certify": 1}
MASKS = [{"criterion": "magnitude", "sparsities": [0.25, 0.75]}]


def searched_study(**changes: Any) -> dict[str, Any]:
    study = tiny_study()
    study["experiments"] = [{**study["experiments"][0], "masks": MASKS, "search": SEARCH}]
    study["experiments"][0].update(changes)
    return study


def times(project: Project) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in project.results.glob("runs/**/*.parquet")}


@pytest.fixture(scope="module")
def searched(
    finished_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Project, dict[Path, int], dict[str, int]]:
    """Return a project whose search was killed and resumed, its runs before, the first dry run."""
    project = finished_project.copy(tmp_path_factory.mktemp("searched") / "clone")
    project.write_study(searched_study())
    planned = project.planned("figure_drop")
    before = times(project)
    process = project.start("figure_drop")
    deadline = time.monotonic() + 300
    while not (project.results / FOLDER / "round1.json").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    kill_group(process)
    before |= times(project)
    project.run("figure_drop")
    return project, before, planned


Searched = tuple[Project, dict[Path, int], dict[str, int]]


def test_a_dry_run_lists_the_first_round(searched: Searched) -> None:
    """The dense run is there."""
    assert searched[2] == {
        "mask": 2, "run": 2, "search": 1, "drop_statistics": 1, "drop_figure": 1,
    }  # fmt: skip


def test_what_a_grid_or_an_interrupted_search_has_run_is_not_run_again(searched: Searched) -> None:
    project, before, _ = searched
    after = times(project)
    assert {path: after[path] for path in before} == before
    last = load_last(project.results, FOLDER)
    assert "magnitude-global-s0.50" in last.curves[0].points  # as the grid has it
    assert last.number > 1


def test_a_finished_search_does_nothing(searched: Searched) -> None:
    assert searched[0].planned("figure_drop") == {}


def test_a_bundle_brings_the_rounds_that_the_report_tells_of(
    searched: Searched, tmp_path: Path
) -> None:
    project = searched[0].copy(tmp_path / "clone")
    project.run("study")
    study = project.folder / "study.yaml"
    resolved = load_study(study, project.folder, project.results)
    packed = contents_of(resolved, study, project.folder, masks=False)
    last = load_last(project.results, FOLDER).number
    rounds = {f"results/{FOLDER}/round{number}.json" for number in range(1, last + 1)}
    assert rounds <= packed.keys()
    page = (project.results / "studies/tiny/report.html").read_text()
    assert f"Adaptive search, {last} rounds" in page


def test_tables_show_what_was_found(searched: Searched) -> None:
    project, _, _ = searched
    (curve,) = load_last(project.results, FOLDER).curves
    tables = project.results / "studies/tiny/drop"
    runs = pq.read_table(tables / "runs.parquet").to_pylist()
    assert {(run["mask"], run["seed"]) for run in runs} == set(curve.runs)
    (essential,) = (r for r in pq.read_table(tables / "essential.parquet").to_pylist() if r["main"])
    assert curve.located is not None
    assert essential["estimate"] == pytest.approx(curve.located.estimate, abs=0.25)
    assert {run["seed"] for run in runs if run["mask"] in curve.certification} >= {2}


def test_a_grid_of_what_was_found_runs_nothing(searched: Searched, tmp_path: Path) -> None:
    project = searched[0].copy(tmp_path / "clone")
    found = load_last(project.results, FOLDER).curves[0].points
    sparsities = [float(mask.rpartition("-s")[2]) for mask in found]
    study = searched_study(masks=[{"criterion": "magnitude", "sparsities": sparsities}])
    del study["experiments"][0]["search"]
    project.write_study(study)
    assert project.planned("figure_drop") == {"drop_statistics": 1, "drop_figure": 1}


def test_another_seed_goes_on_from_what_is_there(searched: Searched, tmp_path: Path) -> None:
    project = searched[0].copy(tmp_path / "clone")
    project.write_study(searched_study(seeds=[1, 2]))
    planned = project.planned("figure_drop")
    assert planned["search"] == 1
    assert planned["run"] <= 3  # with the second seed, which has certified some


def test_a_damaged_round_is_made_again(searched: Searched, tmp_path: Path) -> None:
    project = searched[0].copy(tmp_path / "clone")
    first = project.results / FOLDER / "round1.json"
    expected = Round.load(first)
    first.unlink()
    project.run(f"{FOLDER}/round1.json")
    assert Round.load(first) == expected


@pytest.fixture
def at_another_epsilon(searched: Searched, tmp_path: Path) -> Path:
    """Return the folder of a study of ε = 3 whose search is for ε = 40, beside a grid."""
    project = searched[0].copy(tmp_path / "clone")
    source = {"kind": "folder", "path": "models/tiny-bert"}
    project.write_model("tiny-bert", source, traits=["language", "encoder"])
    study = searched_study(search={**SEARCH, "epsilon": 40})
    grid = {**tiny_study()["experiments"][0], "name": "grid"}
    study["experiments"].append(grid)
    study["statistics"] = {"resamples": 100, "epsilon": 3}
    project.write_study(study)
    project.run("study")
    return project.results / "studies/tiny"


def test_a_search_may_have_another_epsilon_than_its_study(at_another_epsilon: Path) -> None:
    folder = at_another_epsilon
    rows = pq.read_table(folder / "drop/essential.parquet").to_pylist()
    assert [row["epsilon"] for row in rows if row["main"]] == [40]
    assert [row["epsilon"] for row in rows if not row["relative"]] == [40, 3, 0.5, 1, 2]
    drawn = pq.read_table(folder / "figures/essential.parquet").to_pylist()
    assert {(row["experiments"][0], row["epsilon"]) for row in drawn} == {("drop", 40), ("grid", 3)}
    claims = pq.read_table(folder / "claims.parquet").to_pylist()
    (claim,) = (row for row in claims if row["claim"] == "c01" and row["own"])
    assert claim["epsilon"] == 3
    assert "ε = 3 points" in (folder / "report.html").read_text()


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "another figure": (
        {"figure": "pattern"},
        "search: not for figure 'pattern', only for drop",
    ),
    "a sparsity beside the lattice": (
        {"masks": [{"criterion": "magnitude", "sparsities": [0.3]}]},
        "search: masks[0].sparsities: 0.3 is no multiple of 0.25 from 0.25 to 0.75",
    ),
    "masks that training finds": (
        {"masks": [{"criterion": "ticket", "step": 0.25}]},
        "search: masks[0]: only masks are searched that a sparsity decides, and no training",
    ),
    "a pattern": (
        {"masks": [{"criterion": "magnitude", "patterns": ["2:4"]}]},
        "search: masks[0]: only masks are searched that a sparsity decides, and no training",
    ),
    "a budget for less than the first round": (
        {"search": {**SEARCH, "budget": 5}},
        "search: budget: 5 runs a curve are fewer than it begins with: 6, 3 of them for",
    ),
    "no sparsity to try": (
        {"search": {"resolution": 0.5, "highest": 0.4}},
        "search: highest: 0.4 leaves no multiple of 0.5 to try",
    ),
    "no resolution": (
        {"search": {"resolution": 0}},
        "search.resolution: must be above 0",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_clear_line(mistake: str) -> None:
    changes, expected = MISTAKES[mistake]
    with pytest.raises(UserError) as error:
        Study.check(searched_study(**changes), "study.yaml")
    assert str(error.value).startswith(f"study.yaml: experiments[0]{_colon(expected)}")


def _colon(expected: str) -> str:
    return f".{expected}" if expected.startswith("search.") else f": {expected}"
