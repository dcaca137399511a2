"""One of each from a folder beside the study file: found, run, named, made again when edited."""

import json
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from project import RECIPE, ROOT, Project, environment

pytestmark = pytest.mark.workflow

CRITERION = '''\
"""Removes the weights of greatest magnitude: the worst that one can do."""

from typing import Literal

import numpy as np

from essential_sparsity.checkpoints.manifest import Matrix
from essential_sparsity.masks.criterion import Inputs, Ranking
from essential_sparsity.masks.keys import Values


class Greatest(Ranking):
    """Removes the weights of greatest magnitude."""

    criterion: Literal["greatest"] = "greatest"

    def score(self, matrix: Matrix, weights: Values, inputs: Inputs) -> Values:
        return 1 / (1 + np.abs(weights))
'''

METRIC = '''\
"""The share of wrong answers."""

from dataclasses import replace

from essential_sparsity.metrics.accuracy import METRICS as _KNOWN

_ACCURACY = _KNOWN[0]

METRICS = (
    replace(
        _ACCURACY,
        name="error",
        title="error",
        score=lambda table: 100 - _ACCURACY.score(table),
        parts=lambda table: 100 - _ACCURACY.parts(table),
        constant=lambda table: 100 - _ACCURACY.constant(table),
    ),
)
'''

ARCHITECTURE = '''\
"""BERT under another name."""

from dataclasses import replace

from essential_sparsity.architectures.bert import ARCHITECTURE as _BERT

ARCHITECTURE = replace(_BERT, model_types=("tribe",))
'''

FIGURE = {
    "__init__.py": '"""How much masks remove."""\n',
    "caption.rst": "How much of every model each mask removes.\n",
    "spec.py": '''\
"""What a figure of removed weights is made from."""

from essential_sparsity.figures.kind import FigureKind
from essential_sparsity.figures.masks import MasksSpec

KIND = FigureKind(
    title="How much masks remove", reads="masks", tables=("amounts",), spec=MasksSpec
)
''',
    "tables.py": '''\
"""The table of removed weights."""

import pyarrow as pa

from essential_sparsity.figures.masks import load_masks


def compute(root, files, spec):
    """Count the removed weights of every mask."""
    rows = [
        {"model": model, "mask": mask.header.name, "removed": mask.header.removed}
        for model, mask, _ in load_masks(root, files, spec)
    ]
    return {"amounts": pa.Table.from_pylist(rows)}
''',
    "draw.py": '''\
"""A bar a mask."""

from matplotlib.figure import Figure

COLUMNS = {"amounts": {"model", "mask", "removed"}}


def select(tables, spec):
    """Return what is drawn."""
    return tables["amounts"]


def draw(data, spec):
    """Draw the bars."""
    figure = Figure(figsize=(3, 2))
    rows = data.to_pylist()
    figure.subplots().bar([row["mask"] for row in rows], [row["removed"] for row in rows])
    return figure
''',
}

# Kind of examples, head, metric and procedure are those that the documentation shows.
DOCUMENTED = dict(
    re.findall(
        r"`mine/((?:kinds|heads|metrics|procedures)/[\w/]+\.py)`:\n\n```python\n(.*?)```",
        (ROOT / "docs" / "extending.md").read_text(),
        re.DOTALL,
    )
)

# A procedure in one file.
AS_IT_IS = '''\
"""One epoch, whatever the recipe says."""

from typing import Literal

from essential_sparsity.runs.procedures.fine_tuning.spec import RecipeSpec


class Once(RecipeSpec):
    """A recipe of one epoch."""

    procedure: Literal["once"]
    epochs: Literal[1] = 1


RECIPE = Once


def run(job):
    """Fine-tune."""
    from essential_sparsity.runs.procedures.fine_tuning.run import run

    return run(job)
'''


def study_of(project: Project) -> dict[str, Any]:
    """Return the tiny study with the extension's criterion, metric, figure, head and procedure."""
    study = project.read_study()
    drop, placement, *_ = study["experiments"]
    drop["tasks"], drop["name"] = ["mood-by-error"], "errors"
    drop["masks"] = [{"criterion": "greatest", "sparsities": [0.5]}]
    placement["figure"], placement["name"] = "amounts", "amounts"
    placement["masks"] = [{"criterion": "greatest", "sparsities": [0.5]}]
    probes = {**drop, "name": "probes", "tasks": ["mood-sets"], "recipe": "probe"}
    return {**study, "extensions": ["mine"], "experiments": [drop, placement, probes]}


def write_sets(project: Project) -> None:
    """Write a task whose texts have any number of labels: what they say, and whether at length."""
    data = project.folder / "data"
    for split in ("train", "evaluation"):
        header, *rows = (data / f"{split}.csv").read_text().splitlines()
        long = (f"{row} long" if len(row) > 30 else row for row in rows)
        (data / f"sets-{split}.csv").write_text("\n".join([header, *long]) + "\n")
    project.write_task(
        "mood-sets",
        {},
        data={"kind": "files", **{s: f"data/sets-{s}.csv" for s in ("train", "evaluation")}},
        examples={"kind": "label-sets", "fields": ["text"], "labels": ["bad", "good", "long"]},
        metric="agreement",
        recipes={
            "probe": {**RECIPE, "procedure": "probing", "biases": True},
            "once": {**RECIPE, "procedure": "once", "epochs": 1},
        },
    )


@pytest.fixture(scope="module")
def extended(finished_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A finished tiny study, and the same with extensions: run to its end."""
    copy = finished_project.copy(tmp_path_factory.mktemp("extended") / "clone")
    mine = copy.folder / "mine"
    files = {
        "criteria/greatest.py": CRITERION,
        "metrics/wrong.py": METRIC,
        "architectures/tribe.py": ARCHITECTURE,
        "procedures/once.py": AS_IT_IS,
        "procedures/probing/__init__.py": "",
        **DOCUMENTED,
        **{f"figures/amounts/{name}": text for name, text in FIGURE.items()},
    }
    for name, text in files.items():
        (mine / name).parent.mkdir(parents=True, exist_ok=True)
        (mine / name).write_text(text)
    copy.write_task("mood-by-error", RECIPE, metric="error")
    write_sets(copy)
    copy.write_study(study_of(copy))
    # The dense run of another task is another one; all else that is there stays.
    planned = copy.planned()
    assert "checkpoint" not in planned and planned["mask"] == 1 and planned["run"] == 4
    copy.run("--cores", "2")
    return copy


def test_a_study_with_extensions_runs_to_its_end(extended: Project) -> None:
    assert extended.planned() == {}
    runs = pq.read_table(extended.results / "studies/tiny/errors/runs.parquet").to_pylist()
    assert {run["metric"] for run in runs} == {"error"}
    assert {run["criterion"] for run in runs} == {"dense", "greatest"}
    amounts = pq.read_table(extended.results / "studies/tiny/amounts/amounts.parquet")
    assert amounts["mask"].to_pylist() == ["greatest-global-s0.50"]
    assert (extended.results / "studies/tiny/figures/amounts.png").stat().st_size > 1000


def test_extensions_are_named_in_provenance_and_report(extended: Project) -> None:
    document = json.loads((extended.results / "studies/tiny/provenance.json").read_text())
    assert "mine/criteria/greatest.py" in document["extensions"]
    page = (extended.results / "studies/tiny/report.html").read_text()
    assert "Extensions" in page and "mine/metrics/wrong.py" in page


def test_a_head_and_a_procedure_of_ones_own_are_used(extended: Project) -> None:
    (folder,) = (extended.results / "runs" / "tiny-bert" / "mood-sets").iterdir()
    assert folder.name.startswith("probe-")
    for mask in ("dense", "greatest-global-s0.50"):
        place = folder / mask / "seed1"
        rows = pq.read_table(place / "predictions.parquet").to_pylist()
        words = {word for row in rows for word in row["prediction"].split()}
        assert words <= {"bad", "good", "long"}
        agreement = sum(row["agreement"] for row in rows) / len(rows)
        scores = pq.read_table(place / "metrics.parquet").to_pylist()
        assert scores[-1]["score"] == pytest.approx(100 * agreement) and agreement > 0.5
        # The procedure has frozen all weights that are pruned; the head has learned.
        *moved, _ = json.loads((place / "movement.json").read_text()).values()
        assert set(moved) == {0.0}
        assert scores[-1]["loss"] < scores[0]["loss"]


def test_a_procedure_may_be_one_file(extended: Project) -> None:
    study = study_of(extended)
    study["experiments"][2]["recipe"] = "once"
    (extended.folder / "once.yaml").write_text(json.dumps(study))
    assert extended.planned(study="once.yaml")["run"] == 2
    study["experiments"][2]["overrides"] = {"epochs": 2}
    (extended.folder / "once.yaml").write_text(json.dumps(study))
    output = extended.run("-n", study="once.yaml", fails=True)
    assert "experiments[2].overrides: task 'mood-sets': epochs: input should be 1" in output


def test_masks_are_found_by_fine_tuning_alone(extended: Project) -> None:
    study = study_of(extended)
    study["experiments"][2]["masks"] = [{"criterion": "ticket", "step": 0.5, "sparsities": [0.5]}]
    (extended.folder / "tickets.yaml").write_text(json.dumps(study))
    output = extended.run("-n", study="tickets.yaml", fails=True)
    assert (
        "experiments[2].masks[0]: criterion 'ticket' finds masks by fine-tuning, the recipe of "
        "task 'mood-sets' is one of procedure 'probing'"
    ) in output


@pytest.mark.parametrize(
    ("file", "change", "again", "runs"),
    [
        (
            "criteria/greatest.py",
            ("1 / (1", "2 / (1"),
            {"mask", "amounts_statistics", "drop_statistics"},
            2,
        ),
        ("metrics/wrong.py", ("100 - _A", "100.0 - _A"), {"drop_statistics"}, 0),
        (
            "metrics/agreement.py",
            (", reads", ", version=2, reads"),
            {"drop_statistics"},
            0,
        ),
        ("kinds/label_sets.py", ("float(label", "1.0 * (label"), {"task", "drop_statistics"}, 2),
        ("heads/label_sets.py", ("logits > 0", "logits >= 0"), {"drop_statistics"}, 2),
        ("procedures/probing/run.py", ("name.endswith", "not name.endswith"), set(), 2),
        ("procedures/once.py", ("return run(job)", "return run(job, None)"), None, 0),
        ("figures/amounts/draw.py", ("(3, 2)", "(4, 2)"), {"amounts_figure"}, 0),
        (
            "figures/amounts/tables.py",
            ('"mask":', '"which": 1, "mask":'),
            {"amounts_statistics"},
            0,
        ),
        ("architectures/tribe.py", ('"tribe"', '"tribes"'), None, 0),
    ],
)
def test_what_is_edited_is_made_again(
    extended: Project, file: str, change: tuple[str, str], again: set[str] | None, runs: int
) -> None:
    path = extended.folder / "mine" / file
    text = path.read_text()
    assert change[0] in text
    try:
        path.write_text(text.replace(*change))
        planned = extended.planned()
    finally:
        path.write_text(text)
    if again is None:
        assert planned == {}
    else:
        assert again <= planned.keys() and "checkpoint" not in planned
        assert planned.get("run", 0) == runs
        assert planned.get("task", 0) == file.startswith("kinds")


def test_a_folder_that_is_not_there_is_one_line(extended: Project) -> None:
    study = {**extended.read_study(), "extensions": ["yours"]}
    (extended.folder / "other.yaml").write_text(json.dumps(study))
    output = extended.run("-n", study="other.yaml", fails=True)
    assert (
        "error: other.yaml: extensions[0]: " in output and "yours: no folder with one of" in output
    )


def test_commands_know_extensions_too(extended: Project) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "essential_sparsity.estimate", "study.yaml"],
        cwd=extended.folder,
        env={**environment(), "PYTHONPATH": str(extended.folder / "workflow")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "amounts" in done.stdout


def _bundle(project: Project, *arguments: str, fails: bool = False) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "essential_sparsity.bundle", *arguments],
        cwd=project.folder,
        env={**environment(), "PYTHONPATH": str(project.folder / "workflow")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode != 0) == fails, done.stderr
    return done.stderr


def test_figures_are_drawn_elsewhere_from_a_bundle_and_the_extension(
    extended: Project, tmp_path: Path
) -> None:
    packed = str(tmp_path / "tiny.tar.gz")
    said = _bundle(extended, "pack", "study.yaml", "--output", packed)
    (note,) = (line for line in said.splitlines() if line.startswith("note:"))
    assert "extension 'mine' is your own: send it along" in note
    with tarfile.open(packed) as archive:
        assert not [name for name in archive.getnames() if name.endswith(".py") or "mine/" in name]
    other = Project(tmp_path / "other")
    other.clone_sources()
    before = sorted(other.folder.rglob("*"))
    said = _bundle(other, "unpack", packed, fails=True)
    assert "project/study.yaml: extensions[0]: " in said
    assert f"{other.folder / 'mine'}: no folder with one of" in said
    assert "a bundle brings no code: an extension is to be put in place first" in said
    assert before == sorted(other.folder.rglob("*"))
    shutil.copytree(extended.folder / "mine", other.folder / "mine")
    assert "are in place" in _bundle(other, "unpack", packed)
    assert not list(other.folder.glob(".bundle.*"))
    drawn = other.results / "studies/tiny/figures/amounts.parquet"
    content = drawn.read_bytes()
    for path in drawn.parent.iterdir():
        path.unlink()
    other.run("figures", "report", "--profile", "profiles/figures", "--forceall")
    assert drawn.read_bytes() == content
    assert "mine/metrics/wrong.py" in (drawn.parents[1] / "report.html").read_text()
