"""What runs again and what does not: the real workflow, asked by a dry run after each change."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from essential_sparsity.masks.mask import Mask
from miniatures import save_bert, write_examples
from project import RECIPE, Project, tiny_study

pytestmark = pytest.mark.workflow

# The page that tells of everything, and what is behind the runs of one experiment.
PAGE = {"provenance": 1, "report": 1}
BEHIND_RUNS = {
    **{"drop_statistics": 1, "drop_figure": 1, "essential_figure": 1, "tidy": 1},
    **{"claims": 1, "summary": 1, **PAGE},
}


def change_drop(project: Project, **changes: Any) -> None:
    """Rewrite the study with other keys in its first experiment."""
    study = tiny_study()
    study["experiments"][0].update(changes)
    project.write_study(study)


def test_a_second_run_does_nothing(project: Project) -> None:
    assert project.planned() == {}


def test_a_missing_result_would_be_noticed(project: Project) -> None:
    """The dry run is no rubber stamp."""
    (project.results / "studies/tiny/summary.txt").unlink()
    assert project.planned() == {"summary": 1, **PAGE}


def test_a_fresh_clone_beside_copied_results_does_nothing(project: Project, tmp_path: Path) -> None:
    """Neither fresh source files nor the scrambled times of a plain copy matter."""
    files = sorted(path for path in project.results.rglob("*") if path.is_file())
    moved = shutil.move(project.results, tmp_path / "results")
    project.clone_sources()
    for file in reversed(files):
        target = project.results / file.relative_to(project.results)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(moved / file.relative_to(project.results), target)
    assert project.planned() == {}


def test_another_sparsity_runs_only_itself(project: Project) -> None:
    change_drop(project, masks=[{"criterion": "magnitude", "sparsities": [0.5, 0.75]}])
    assert project.planned() == {"mask": 1, "run": 1, **BEHIND_RUNS}


def test_another_seed_runs_only_itself(project: Project) -> None:
    change_drop(project, seeds=[1, 2])
    assert project.planned() == {"run": 2, **BEHIND_RUNS}


def test_another_task_runs_only_itself(project: Project) -> None:
    write_examples(project.folder / "other", seed=1)
    data = {"kind": "files", "train": "other/train.csv", "evaluation": "other/evaluation.csv"}
    project.write_task("temper", RECIPE, data=data)
    change_drop(project, tasks=["mood", "temper"])
    assert project.planned() == {"task": 1, "run": 2, **BEHIND_RUNS}


def test_another_model_runs_only_itself(project: Project) -> None:
    save_bert(project.folder / "models" / "other", seed=1)
    project.write_model("other", {"kind": "folder", "path": "models/other"})
    change_drop(project, models=["tiny-bert", "other"])
    made = {"checkpoint": 1, "histogram": 1, "task": 1, "mask": 2, "run": 2}
    expected = {**made, **BEHIND_RUNS}
    # Who has which colour is settled for all of a study's figures at once.
    expected["placement_figure"] = 1
    assert project.planned() == expected


def test_a_learning_rate_runs_its_task_again_and_nothing_else(project: Project) -> None:
    """The old runs stay beside the new ones: going back costs nothing."""
    change_drop(project, tasks=["mood"])
    project.write_task("mood", {**RECIPE, "learning_rate": 5.0e-3})
    assert project.planned() == {"run": 2, **BEHIND_RUNS}
    project.write_task("mood", RECIPE)
    assert project.planned() == {}


def test_a_label_redraws_and_runs_nothing(project: Project) -> None:
    project.write_task("mood", RECIPE, label="The mood")
    told = {"claims": 1, "summary": 1, **PAGE}
    assert project.planned() == {"drop_figure": 1, "essential_figure": 1, **told}


def test_plotting_code_redraws_its_figure_only(project: Project) -> None:
    project.edit_code("figures/drop/draw.py")
    assert project.planned() == {"drop_figure": 1, **PAGE}


def test_training_code_runs_runs_again_but_not_masks(project: Project) -> None:
    project.edit_code("runs/procedures/fine_tuning/run.py")
    assert project.planned() == {"run": 2, **BEHIND_RUNS}


def test_mask_code_runs_masks_again_and_what_lies_behind_them(project: Project) -> None:
    project.edit_code("masks/computation.py")
    expected = {"mask": 2, "run": 2, "placement_statistics": 1, "placement_figure": 1}
    assert project.planned() == {**expected, **BEHIND_RUNS}


def test_a_criterion_s_code_runs_its_own_masks_again(project: Project) -> None:
    """A change of one criterion, or one more, costs the masks of the others nothing."""
    project.edit_code("masks/criteria/random.py")
    (project.folder / "workflow/essential_sparsity/masks/criteria/mine.py").write_text(MINE)
    assert project.planned() == {}
    change_drop(project, masks=[{"criterion": "mine", "sparsities": [0.5]}])
    assert project.planned() == {"mask": 1, "run": 1, **BEHIND_RUNS}
    project.edit_code("masks/criteria/magnitude.py")
    expected = {"mask": 2, "run": 1, "placement_statistics": 1, "placement_figure": 1}
    assert project.planned() == {**expected, **BEHIND_RUNS}


# A criterion of one's own is one module, and nothing else names it.
MINE = '''
from typing import Literal

import numpy as np

from essential_sparsity.masks.criterion import Ranking


class Mine(Ranking):
    """Removes the weights of most magnitude."""

    criterion: Literal["mine"] = "mine"

    def files(self):
        return {"manifest": "checkpoints/{model}/checkpoint.json"}

    def score(self, matrix, weights, inputs):
        assert matrix.name in inputs.files["manifest"].read_text()
        return 1 / (1 + np.abs(weights))
'''


def test_a_new_criterion_is_run(project: Project) -> None:
    (project.folder / "workflow/essential_sparsity/masks/criteria/mine.py").write_text(MINE)
    study = tiny_study()
    study["experiments"][1]["masks"] = [{"criterion": "mine", "sparsities": [0.25]}]
    project.write_study(study)
    project.run("masks")
    mask = Mask.load(project.results / "masks/tiny-bert/mine-global-s0.25.safetensors")
    assert mask.header.removed == round(0.25 * mask.header.total)


@pytest.mark.parametrize(
    "module",
    ["masks/computation.py", "runs/procedures/fine_tuning/run.py", "support/files.py"],
)
def test_a_comment_or_docstring_runs_nothing(project: Project, module: str) -> None:
    file = project.folder / "workflow/essential_sparsity" / module
    text = file.read_text()
    assert text.startswith('"""')
    file.write_text('"""Another beginning. ' + text[3:] + "\n\n# A comment at the end.\n")
    assert project.planned() == {}


def test_a_rule_file_touched_runs_nothing(project: Project) -> None:
    for file in (project.folder / "rules").iterdir():
        file.touch()
    assert project.planned() == {}


def test_changed_data_run_again(project: Project) -> None:
    write_examples(project.folder / "data", seed=2)
    assert project.planned() == {"task": 1, "run": 2, **BEHIND_RUNS}


def test_studies_share_what_is_equal_and_overwrite_nothing(project: Project) -> None:
    before = {p: p.read_bytes() for p in project.results.glob("runs/**/*.parquet")}
    study = {**tiny_study(), "study": "twin"}
    project.write_study(study)
    # Equal in all but the name: only what bears the name is made.
    tables = {"drop_statistics": 1, "placement_statistics": 1}
    figures = {"drop_figure": 1, "placement_figure": 1, "essential_figure": 1}
    named = {**tables, **figures, "tidy": 1, "claims": 1, "summary": 1, **PAGE}
    assert project.planned() == named
    # Another recipe: its runs are new, and those of the first study stay as they are.
    study["experiments"][0]["overrides"] = {"epochs": 1}
    project.write_study(study)
    assert project.planned() == {"run": 2, **named}
    project.run("study")
    assert {p: p.read_bytes() for p in before} == before
    project.write_study(tiny_study())
    assert project.planned() == {}
