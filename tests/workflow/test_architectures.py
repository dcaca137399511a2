"""Every architecture comes from a hub, gets its mask, is fine-tuned and scored, on every family."""

import random
import subprocess
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from essential_sparsity.checkpoints.manifest import load_manifest
from essential_sparsity.masks.mask import Mask
from essential_sparsity.runs.heads import module_of
from essential_sparsity.tasks.manifest import TaskData
from loopback_hub import REVISION, LoopbackHub
from miniature_repositories import IMAGE, IMAGE_REPOSITORIES, REPOSITORIES, TEXT_REPOSITORIES
from miniatures import BAD, GOOD, WORDS, write_examples
from project import Project, environment
from stages import Stages

LENGTH = 24
TEXTS = {"train_examples": 16, "max_length": LENGTH}
IMAGES = {"train_examples": 16, "evaluation_examples": 40, "image_size": IMAGE}

# What an example is → repositories to try, metric, recipe.
FAMILIES: dict[str, tuple[list[str], str, dict[str, Any]]] = {
    "text-classification": (list(TEXT_REPOSITORIES), "accuracy", TEXTS),
    "text-regression": (list(TEXT_REPOSITORIES), "pearson", TEXTS),
    "question-answering": (
        ["mini/bert", "mini/opt", "mini/opt-350m"], "span-f1", {**TEXTS, "stride": 4},
    ),
    "image-classification": (list(IMAGE_REPOSITORIES), "accuracy", IMAGES),
}  # fmt: skip
CASES = [
    pytest.param(
        family,
        repository,
        marks=[] if find_spec(module_of(family)) else pytest.mark.skip(f"there is no {family}"),
    )
    for family, (repositories, *_) in FAMILIES.items()
    for repository in repositories
]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackHub]:
    """Return a hub with all miniatures, to which this process' client is pointed."""
    root = tmp_path_factory.mktemp("hub")
    for name, save in REPOSITORIES.items():
        save(root / "models" / name)
    with LoopbackHub(root) as running, pytest.MonkeyPatch.context() as patch:
        running.point(patch, root / "cache")
        yield running


@pytest.fixture(scope="module")
def fetched(hub: LoopbackHub, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Stages]:
    """Return `repository -> stages` behind its checkpoint, fetched once."""
    found: dict[str, Stages] = {}

    def fetch(repository: str) -> Stages:
        if repository not in found:
            folder = tmp_path_factory.mktemp(repository.replace("/", "-"))
            source = {"kind": "hub", "repository": repository, "revision": REVISION}
            found[repository] = Stages.fetch(folder, source)
        return found[repository]

    return fetch


@pytest.mark.parametrize(("family", "repository"), CASES)
def test_from_hub_to_metrics(
    family: str, repository: str, fetched: Callable[[str], Stages], tmp_path: Path
) -> None:
    _, metric, recipe = FAMILIES[family]
    stages = fetched(repository)
    mask = stages.mask(0.5)
    assert mask.header.removed == round(0.5 * stages.manifest.prunable_count)
    task = EXAMPLES[family](stages, tmp_path)
    outcome = stages.run(task, mask, metric, **recipe)
    (row,) = outcome.metrics.to_pylist()
    assert row["step"] == 2
    assert row["score"] == row["score"]  # a number
    assert -100 <= row["score"] <= 100
    assert row["precision"] == "fp32"
    assert outcome.predictions.num_rows == row["examples"] > 10


def _classification(stages: Stages, folder: Path) -> TaskData:
    write_examples(folder)
    return stages.task(
        data=_files(folder, "csv"),
        examples={"kind": "text-classification", "fields": ["text"], "labels": ["bad", "good"]},
        max_length=LENGTH,
    )


def _regression(stages: Stages, folder: Path) -> TaskData:
    draw = random.Random(0)
    rows = []
    for _ in range(32):
        good, bad = draw.choices(GOOD, k=draw.randint(1, 8)), draw.choices(BAD, k=4)
        first, second = (" ".join(draw.sample(words, len(words))) for words in (good + bad, bad))
        rows.append({"first": first, "second": second, "label": len(good) / 4})
    _write_tables(folder, rows)
    return stages.task(
        data=_files(folder, "parquet"),
        examples={"kind": "text-regression", "fields": ["first", "second"]},
        max_length=LENGTH,
    )


def _questions(stages: Stages, folder: Path) -> TaskData:
    draw = random.Random(0)
    rows = []
    for _ in range(32):
        words = draw.sample(WORDS, 12)
        context, answer = " ".join(words), words[draw.randrange(12)]
        answers = {"text": [answer], "answer_start": [context.index(answer)]}
        rows.append({"question": f"{answer} {words[0]}", "context": context, "answers": answers})
    _write_tables(folder, rows)
    return stages.task(
        data=_files(folder, "parquet"),
        examples={"kind": "question-answering"},
        max_length=LENGTH,
        stride=4,
    )


def _digits(stages: Stages, folder: Path) -> TaskData:
    return stages.task(
        data={"kind": "digits"}, examples={"kind": "image-classification"}, image_size=IMAGE
    )


EXAMPLES: dict[str, Callable[[Stages, Path], TaskData]] = {
    "text-classification": _classification,
    "text-regression": _regression,
    "question-answering": _questions,
    "image-classification": _digits,
}


def _files(folder: Path, suffix: str) -> dict[str, str]:
    return {"kind": "files", **{s: str(folder / f"{s}.{suffix}") for s in ("train", "evaluation")}}


def _write_tables(folder: Path, rows: list[dict[str, Any]]) -> None:
    for split in ("train", "evaluation"):
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{split}.parquet")


@pytest.mark.workflow
def test_a_study_takes_its_models_from_the_hub(hub: LoopbackHub, tmp_path: Path) -> None:
    """One command: a text model and an image model, each with its task, to runs and tickets."""
    project = Project(tmp_path / "clone")
    project.clone_sources()
    write_examples(project.folder / "data")
    small = {"epochs": 1, "batch_size": 8, "learning_rate": 1.0e-3, "train_examples": 16}
    project.write_task("mood", {**small, "max_length": LENGTH})
    project.write_task(
        "figures",
        {**small, "image_size": IMAGE, "evaluation_examples": 40},
        data={"kind": "digits"},
        examples={"kind": "image-classification"},
    )
    tasks = {"opt-350m": "mood", "dino": "figures"}
    experiments = []
    for architecture, task in tasks.items():
        name, repository = f"tiny-{architecture}", f"mini/{architecture}"
        source = {"kind": "hub", "repository": repository, "revision": REVISION}
        project.write_model(name, source)
        experiments.append(
            {
                "name": name, "figure": "drop", "models": [name], "tasks": [task],
                "recipe": "quick", "seeds": [1],
                "masks": [
                    {"criterion": "magnitude", "sparsities": [0.5]},
                    {"criterion": "ticket", "step": 0.5, "sparsities": [0.5]},
                ],
            }
        )  # fmt: skip
    project.write_study({"study": "hub", "catalogs": ["tiny"], "experiments": experiments})
    online = {**environment(), **hub.environment(tmp_path / "cache"), "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        project.command("runs"),
        cwd=project.folder,
        env=online,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for architecture, task in tasks.items():
        name = f"tiny-{architecture}"
        manifest = load_manifest(project.results / "checkpoints" / name)
        assert manifest.source["repository"] == f"mini/{architecture}"
        masks = sorted((project.results / "masks" / name).glob("*-s0.50.safetensors"))
        assert [file.stem.partition("-")[0] for file in masks] == ["magnitude", "ticket"]
        for file in masks:
            assert Mask.load(file).header.removed == round(0.5 * manifest.prunable_count)
        runs = sorted((project.results / "runs" / name / task).glob("*/*/seed1"))
        assert [run.parent.name for run in runs] == ["dense", *(file.stem for file in masks)]
        for run in runs:
            assert pq.read_table(run / "metrics.parquet").column("step").to_pylist() == [2]
