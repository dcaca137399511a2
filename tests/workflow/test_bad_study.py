"""A mistake in a study or catalog: one line that names file, key, value and what is allowed."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from project import Project, tiny_study

pytestmark = pytest.mark.workflow

Change = Callable[[dict[str, Any]], None]


def drop(**changes: Any) -> Change:
    return lambda study: study["experiments"][0].update(changes)


def grid(**changes: Any) -> Change:
    return lambda study: study["experiments"][0]["masks"][0].update(changes)


def whole(**changes: Any) -> Change:
    return lambda study: study.update(changes)


# What is wrong → what the line says after "error: study.yaml: ".
MISTAKES: dict[str, tuple[Change, str]] = {
    "unknown model": (
        drop(models=["tiny-brt"]),
        "experiments[0].models[0]: unknown model 'tiny-brt'; did you mean 'tiny-bert'? (known: ",
    ),
    "unknown task": (
        drop(tasks=["moods"]),
        "experiments[0].tasks[0]: unknown task 'moods'; did you mean 'mood'? (known: ",
    ),
    "unknown criterion": (
        grid(criterion="magnitud"),
        "experiments[0].masks[0].criterion: unknown criterion 'magnitud'; "
        "did you mean 'magnitude'? (known: magnitude, dense, ",
    ),
    "unknown scope": (
        grid(scope="glob"),
        "experiments[0].masks[0].scope: input should be 'global', 'layer', 'row', 'erk' or "
        "'matched', got 'glob'",
    ),
    "unknown figure": (
        drop(figure="dorp"),
        "experiments[0].figure: input should be 'difference', 'distribution', 'drop', 'pattern', "
        "'placement', 'positions' or 'similarity', got 'dorp'; "
        "did you mean 'drop'?",
    ),
    "unknown recipe": (
        drop(recipe="quik"),
        "experiments[0].recipe: unknown recipe of task 'mood': 'quik'; did you mean 'quick'? "
        "(known: quick)",
    ),
    "sparsity 1": (
        grid(sparsities=[0.5, 1.0]),
        "experiments[0].masks[0].sparsities[1]: a sparsity lies in [0, 1), 1.0 does not",
    ),
    "negative sparsity": (
        grid(sparsities=[-0.1]),
        "experiments[0].masks[0].sparsities[0]: a sparsity lies in [0, 1), -0.1 does not",
    ),
    "sparsity that is no number": (
        grid(sparsities=["half"]),
        "experiments[0].masks[0].sparsities[0]: input should be a valid number, "
        "unable to parse string as a number, got 'half'",
    ),
    "too fine a sparsity": (
        grid(sparsities=[0.12345678]),
        "experiments[0].masks[0].sparsities[0]: a sparsity has at most six decimals",
    ),
    "a sparsity twice": (
        grid(sparsities=[0.5, 0.5]),
        "experiments[0].masks[0]: a value of 'sparsities' occurs twice in [0.5, 0.5]",
    ),
    "nothing sparse": (
        grid(sparsities=[0.0]),
        "experiments[0]: figure 'drop' needs a sparsity above 0: at least one",
    ),
    "no sparsities": (
        grid(sparsities=[]),
        "experiments[0]: masks[0]: how much is removed? state a sparsity or a pattern, or let",
    ),
    "a pattern that keeps more than there is": (
        grid(patterns=["4:2"], sparsities=[]),
        "experiments[0].masks[0].patterns[0]: a pattern is N:M with 1 ≤ N < M, N the weights kept "
        "of every M consecutive ones; '4:2' is not",
    ),
    "a pattern and a sparsity": (
        grid(patterns=["2:4"]),
        "experiments[0].masks[0]: a pattern decides the sparsity: state one of the two",
    ),
    "a pattern with a scope": (
        grid(patterns=["2:4"], sparsities=[], scope="layer"),
        "experiments[0].masks[0]: a pattern has no scope but its own groups, not 'layer'",
    ),
    "matched to nothing": (
        grid(scope="matched"),
        "experiments[0].masks[0]: scope 'matched' and the key 'like' go together, and only",
    ),
    "matched to a mask that is not there": (
        grid(scope="matched", like="magnitude-row"),
        "experiments[0].masks[0].like: unknown mask of this study 'magnitude-row-s0.50'; "
        "did you mean 'magnitude-global-s0.50'? (known: ",
    ),
    "noise without a size": (
        grid(criterion="noisy-magnitude"),
        "experiments[0].masks[0]: how much noise? state one of 'noise', 'norms' and 'task'",
    ),
    "an option of another criterion": (
        grid(noise=0.1),
        "experiments[0].masks[0].noise: unknown key (allowed here: criterion, like, ",
    ),
    "an imported mask without a file": (
        lambda study: study["experiments"][0].update(
            masks=[{"criterion": "imported", "mask": "mine"}]
        ),
        "experiments[0].masks[0].file: this key is required",
    ),
    "two masks of one name": (
        lambda study: study["experiments"][0].update(
            masks=[
                {"criterion": "imported", "mask": "mine", "file": f"{folder}/m.safetensors"}
                for folder in ("a", "b")
            ]
        ),
        "experiments[0].masks[1]: two masks of this study are called 'imported-mine' and differ",
    ),
    "an option that the figure does not have": (
        lambda study: study["experiments"][1].update(options={"layer": [0]}),
        "experiments[1]: options: of figure 'placement': layer: unknown key (allowed here: none)",
    ),
    "a bad option": (
        lambda study: study["experiments"][1].update(figure="positions", options={"blocks": 1}),
        "experiments[1]: options: of figure 'positions': blocks: input should be greater than",
    ),
    "a baseline that is none of the masks": (
        drop(figure="difference", options={"baseline": "magnitude-layer"}),
        "experiment 'drop': baseline: no mask is of the family 'magnitude-layer'; did you mean "
        "'magnitude-global'? (there are: magnitude-global)",
    ),
    "nothing to compare with the baseline": (
        drop(figure="difference"),
        "experiment 'drop': masks: none has the sparsity of one of the baseline's, "
        "'magnitude-global': there is nothing to compare",
    ),
    "masks for a figure of weights": (
        lambda study: study["experiments"][1].update(figure="distribution"),
        "experiments[1]: figure 'distribution' reads the models' weights: no masks",
    ),
    "no masks": (
        lambda study: study["experiments"][1].pop("masks"),
        "experiments[1]: figure 'placement' needs masks",
    ),
    "no models": (drop(models=[]), "experiments[0].models: list should have at least 1 item"),
    "no tasks": (drop(tasks=[]), "experiments[0]: figure 'drop' needs tasks: at least one"),
    "no seeds": (drop(seeds=[]), "experiments[0].seeds: list should have at least 1 item"),
    "no recipe": (
        lambda study: study["experiments"][0].pop("recipe"),
        "experiments[0]: figure 'drop' needs a recipe of its tasks",
    ),
    "a list that is none": (
        drop(seeds=3),
        "experiments[0].seeds: input should be a valid list, got 3",
    ),
    "no experiments": (
        whole(experiments=[]),
        "experiments: list should have at least 1 item",
    ),
    "negative seed": (
        drop(seeds=[-1]),
        "experiments[0].seeds[0]: input should be greater than or equal to 0, got -1",
    ),
    "misspelt key": (
        grid(sparsitys=[0.5]),
        "experiments[0].masks[0].sparsitys: unknown key; did you mean 'sparsities'? "
        "(allowed here: criterion, like, patterns, scope, sparsities)",
    ),
    "misspelt recipe key": (
        drop(overrides={"learning_rat": 1.0e-4}),
        "experiments[0].overrides: of the recipe: learning_rat: unknown key; "
        "did you mean 'learning_rate'?",
    ),
    "bad recipe value": (
        drop(overrides={"epochs": 0}),
        "experiments[0].overrides: of the recipe: epochs: input should be greater than or equal",
    ),
    "a control that is none": (
        drop(controls=["tiny-bert"]),
        "experiments[0].controls[0]: 'tiny-bert' is no random start of one of this experiment's "
        "models (tiny-bert)",
    ),
    "a key required": (
        lambda study: study["experiments"][0].pop("figure"),
        "experiments[0].figure: this key is required",
    ),
    "tasks for a figure of masks": (
        lambda study: study["experiments"][1].update(tasks=["mood"]),
        "experiments[1]: figure 'placement' reads masks alone: no tasks, no controls",
    ),
    "a name that leaves the folder": (
        whole(study="../else"),
        "study: a name has lower-case letters",
    ),
    "an experiment twice": (
        lambda study: study["experiments"][1].update(name="drop"),
        "experiments: a name occurs twice",
    ),
    "an experiment named as the study's figure": (
        lambda study: study["experiments"][1].update(name="essential"),
        "experiments: 'essential' names the figure of the whole study",
    ),
}


def test_a_number_as_yaml_reads_it_as_text_is_a_number(project: Project) -> None:
    """YAML takes 1e-2 for a text. The page that shows the study shows this one, and that is all."""
    study = tiny_study()
    study["experiments"][0]["overrides"] = {"learning_rate": "1e-2"}
    project.write_study(study)
    assert project.planned() == {"report": 1}


def last_line(output: str) -> str:
    return output.strip().splitlines()[-1]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_study_is_one_clear_line(project: Project, mistake: str) -> None:
    change, expected = MISTAKES[mistake]
    study = tiny_study()
    change(study)
    project.write_study(study)
    output = project.run("-n", fails=True)
    assert "Traceback" not in output
    assert last_line(output).startswith(f"error: study.yaml: {expected}"), output


def test_a_pattern_may_stand_without_quotes(project: Project) -> None:
    """YAML 1.1 takes 2:4 for a number in base sixty."""
    study = yaml.safe_dump(tiny_study()).replace("sparsities:\n    - 0.5", "patterns:\n    - 2:4")
    assert "2:4\n" in study
    (project.folder / "study.yaml").write_text(study)
    assert "masks/tiny-bert/magnitude-2of4.safetensors" in project.run("-n", "-p", "--summary")


def test_a_mistake_in_a_catalog_entry_names_its_file(project: Project) -> None:
    project.write_task("mood", {"epochs": 1, "batch_size": 8, "learning_rat": 1e-3})
    output = project.run("-n", fails=True)
    assert "tiny/tasks/mood.yaml: recipes.quick.learning_rat: unknown key" in last_line(output)
    project.write_model("tiny-bert", {"kind": "hub", "repository": "a/b", "revision": "../main"})
    output = project.run("-n", fails=True)
    assert "tiny/models/tiny-bert.yaml: sources[0].revision: string should" in last_line(output)
    (project.folder / "tiny/models/tiny-bert.yaml").write_text("version: 1\nversion: 2\n")
    output = project.run("-n", fails=True)
    assert "not YAML: the key 'version' occurs twice (line 2)" in last_line(output)


def test_code_in_a_catalog_entry_is_not_run(project: Project) -> None:
    evil = "!!python/object/apply:os.mkdir ['evil']"
    (project.folder / "tiny/models/tiny-bert.yaml").write_text(f"version: {evil}\n")
    output = project.run("-n", fails=True)
    assert "tiny/models/tiny-bert.yaml: not YAML" in last_line(output)
    assert not list(project.folder.rglob("evil"))


def test_a_catalog_folder_that_is_not_there(project: Project) -> None:
    project.write_study({**tiny_study(), "catalogs": ["tiyn"]})
    assert "tiyn: no such catalog folder" in last_line(project.run("-n", fails=True))


def test_a_study_file_that_is_not_yaml(project: Project) -> None:
    (project.folder / "study.yaml").write_text("study: [")
    check = [sys.executable, "-m", "essential_sparsity.study", "study.yaml"]
    for text, reason in {
        "study: [": "not YAML",
        "study: a\nstudy: b": "the key 'study' occurs twice",
        "study: !!python/name:os.system": "not YAML: could not determine a constructor",
    }.items():
        (project.folder / "study.yaml").write_text(text)
        result = subprocess.run(check, cwd=project.folder, capture_output=True, text=True)
        assert result.returncode == 1
        assert result.stderr.startswith("error: study.yaml: ") and reason in result.stderr
        assert result.stderr.count("\n") == 1
    (project.folder / "study.yaml").unlink()
    result = subprocess.run(check, cwd=project.folder, capture_output=True, text=True)
    assert result.stderr == "error: study.yaml: cannot be read: No such file or directory\n"


def test_the_default_study_and_all_others_are_valid(project: Project) -> None:
    for study in ["config.yaml", *(f"studies/{p.name}" for p in project.folder.glob("studies/*"))]:
        assert project.planned(study=study)["run"] >= 1
        document = yaml.safe_load((project.folder / study).read_text())
        assert document["study"]
