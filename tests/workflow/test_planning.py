"""What `make plan` says a study costs, beside numbers worked out by hand."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from essential_sparsity.estimate.cost import Machine, memory
from essential_sparsity.estimate.report import describe_plan
from essential_sparsity.estimate.sizes import Sizes
from essential_sparsity.estimate.watch import expected_seconds, forecast
from essential_sparsity.stages import paths
from essential_sparsity.stages.masks import MASK
from essential_sparsity.study import jobs
from essential_sparsity.study.document import Study
from essential_sparsity.study.resolve import Resolved
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import write_json
from essential_sparsity.support.tables import write_table
from project import ROOT, environment

REVISION = "0" * 40
TEXT = {"kind": "text-classification", "fields": ["text"], "labels": ["bad", "good"]}
IMAGE = {"kind": "image-classification"}

CORES = len(os.sched_getaffinity(0))

# A run on `mood`: (6 · 1000 examples · 40 tokens with padding + 2 · 100 · 20) · 9 M weights
#   · 2 epochs = 4.392e12 operations, 4,392 s at 0.001 TFLOP/s; with 48 s to start 74 minutes.
# A run on `shapes`: (6 · 50 + 2 · 100) · (32 / 8)² + 1 = 17 tokens · 9 M · 4 = 3.06e11, 306 s;
#   with 48 s to start 5.9 minutes.
MACHINE = Machine(device="cpu", tflops=0.001, start_up=48.0, at_once=2)
MODEL = {"megabytes": 40, "parameters": 10e6, "prunable": 9e6, "image_size": 64, "patch": 8}
MOOD = {"train": 1000, "evaluation": 100, "tokens": 20, "megabytes": 5}
SHAPES = {"train": 500, "evaluation": 100, "megabytes": 3, "classes": 5}


class Desk:
    """A folder with a catalog, and results, to plan from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = folder / "results"
        for name, sources, more in (
            ("first", [hub("org/first")], {"size": MODEL}),
            ("second", [hub("org/second")], {}),
            ("first-random", [{"kind": "random", "of": "first"}], {}),
        ):
            self._write(f"models/{name}", label=name, sources=sources, **more)
        recipe = {"epochs": 2, "batch_size": 8, "learning_rate": 1e-3, "max_length": 64}
        pictures = {"epochs": 4, "batch_size": 8, "learning_rate": 1e-3}
        for name, examples, size, recipes in (
            ("mood", TEXT, MOOD, recipe),
            ("shapes", IMAGE, SHAPES, {**pictures, "image_size": 32, "train_examples": 50}),
            ("unsized", TEXT, None, recipe),
        ):
            self._write(
                f"tasks/{name}",
                label=name,
                data=hub("org/data"),
                examples=examples,
                recipes={"quick": recipes},
                **({"size": size} if size else {}),
            )

    def _write(self, name: str, **entry: Any) -> None:
        file = self.folder / "catalog" / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump({"version": 1, **entry}))

    def plan(self, *experiments: dict[str, Any]) -> Resolved:
        study = {"study": "small", "experiments": list(experiments)}
        checked = Study.check(study, "small.yaml")
        return jobs.resolve_study(checked, self.folder, ("small.yaml",), self.results)

    def describe(self, *experiments: dict[str, Any], machine: Machine = MACHINE) -> str:
        return describe_plan(self.plan(*experiments), machine)

    def make(self, path: str) -> None:
        file = self.results / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("there")

    def make_run(self, plan: Resolved, index: int, seconds: float, device: str) -> None:
        run = jobs.runs(plan)[index]
        self.make(run.path(paths.PREDICTIONS))
        table = pa.table({"seconds": [seconds, seconds], "device": [device, device]})
        write_table(self.results / run.path(paths.METRICS), table, {})


def hub(repository: str) -> dict[str, str]:
    return {"kind": "hub", "repository": repository, "revision": REVISION}


def experiment(**changes: Any) -> dict[str, Any]:
    return {
        "name": "drop",
        "figure": "drop",
        "models": ["first"],
        "tasks": ["mood"],
        "recipe": "quick",
        "masks": [{"criterion": "magnitude", "sparsities": [0.3, 0.5]}],
        "seeds": [1, 2],
        **changes,
    }


def row(report: str, *start: str) -> list[str]:
    """Return the cells, but for the first ones, of the one line that begins with `start`."""
    lines = [line.split() for line in report.splitlines()]
    words = [word for text in start for word in text.split()]
    (found,) = (line for line in lines if line[: len(words)] == words)
    return found[len(words) :]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_run_on_texts_costs_what_the_formula_says(desk: Desk) -> None:
    report = desk.describe(experiment())
    assert row(report, "first", "mood")[1:] == ["6", "0", "74.0", "estimated", "7.4"]
    assert "Left: 6 runs, 7.4 CPU-hours; with 2 run(s) at once 3.7 hours (0.2 days)" in report


def test_a_run_on_images_has_a_token_a_patch_and_the_sample_that_its_recipe_takes(
    desk: Desk,
) -> None:
    report = desk.describe(experiment(tasks=["shapes"]))
    assert row(report, "first", "shapes")[1:] == ["6", "0", "5.9", "estimated", "0.6"]


def test_an_image_without_a_size_in_its_recipe_has_the_models(desk: Desk) -> None:
    report = desk.describe(experiment(tasks=["shapes"], overrides={"image_size": None}))
    # (64 / 8)² + 1 = 65 tokens in place of 17: 1,170 s.
    assert row(report, "first", "shapes")[3] == "20.3"


def test_texts_are_cut_at_the_recipes_length(desk: Desk) -> None:
    report = desk.describe(experiment(overrides={"max_length": 10}))
    assert row(report, "first", "mood")[3] == "19.4"


def test_no_number_of_devices_makes_a_run_shorter(desk: Desk) -> None:
    machine = Machine(device="gpu", tflops=0.001, start_up=48.0, at_once=100)
    assert "with 100 GPU(s) 1.2 hours" in desk.describe(experiment(), machine=machine)


def test_batches_of_similar_lengths_have_no_padding(desk: Desk) -> None:
    report = desk.describe(experiment(overrides={"group_by_length": True}))
    assert row(report, "first", "mood")[3] == "38.0"


def test_downloads_and_disk(desk: Desk) -> None:
    report = desk.describe(experiment(controls=["first-random"], tasks=["mood", "shapes"]))
    assert row(report, "checkpoints", "1") == ["0", "1", "0.04"]
    assert row(report, "data sets") == ["2", "0", "2", "0.01"]
    # A random start is written, not fetched. Its masks and data: dense, and the model's.
    disk = report[report.index("Disk") :]
    assert row(disk, "checkpoints") == ["2", "0.08", "0.08"]
    assert row(disk, "masks") == ["4", "0.00", "0.00"]
    # 24 bytes a parameter, of the two runs at work.
    assert row(disk, "restart points of runs at work") == ["2", "0.48"]


def test_large_artifacts(desk: Desk) -> None:
    size = {"megabytes": 1, "parameters": 1e9, "prunable": 8e9}
    desk._write("models/first", label="first", sources=[hub("org/first")], size=size)
    size = {"train": 90_000, "evaluation": 10_000, "megabytes": 1, "classes": 1_000}
    examples = {"label": "shapes", "data": hub("org/data"), "examples": IMAGE}
    recipe = {"epochs": 1, "batch_size": 8, "learning_rate": 1e-3, "image_size": 100}
    desk._write("tasks/shapes", **examples, recipes={"quick": recipe}, size=size)
    report = desk.describe(experiment(tasks=["shapes"]))
    assert row(report, "masks") == ["3", "3.00", "3.00"]  # a bit a weight
    assert row(report, "task data") == ["1", "3.00", "3.00"]  # 3 bytes a pixel
    assert row(report, "runs") == ["6", "0.24", "0.24"]  # 4 bytes a logit, and a bit more
    assert row(report, "restart points of runs at work") == ["2", "0.00"]  # a single epoch


def test_runs_that_are_there_are_counted_and_tell_what_the_others_take(desk: Desk) -> None:
    plan = desk.plan(experiment())
    for index, seconds in enumerate((552.0, 9552.0, 312.0)):
        desk.make_run(plan, index, seconds, "cpu")
    desk.make(MASK.targets(plan)[0])
    desk.make(paths.CHECKPOINT_MANIFEST.format(model="first"))
    desk.make(jobs.task_data(plan, "first", "mood", jobs.runs(plan)[0].recipe))
    report = desk.describe(experiment())
    # The median of the three, and 48 s to start: 10 minutes.
    assert row(report, "first", "mood")[1:] == ["6", "3", "10.0", "measured", "on", "3", "0.5"]
    assert row(report, "drop") == ["3", "1", "6", "3", "0.5"]
    assert row(report, "checkpoints", "1", "1") == ["0", "0.00"]
    assert row(report, "data sets") == ["1", "1", "0", "0.00"]


def test_a_run_of_another_device_tells_nothing(desk: Desk) -> None:
    desk.make_run(desk.plan(experiment()), 0, 552.0, "NVIDIA A100")
    assert "estimated" in row(desk.describe(experiment()), "first", "mood")
    gpu = Machine(device="gpu", tflops=1.0, start_up=48.0, at_once=1)
    assert "measured" in row(desk.describe(experiment(), machine=gpu), "first", "mood")


def test_a_run_of_another_study_tells_as_much(desk: Desk) -> None:
    other = experiment(masks=[{"criterion": "magnitude", "sparsities": [0.9]}])
    desk.make_run(desk.plan(other), 1, 552.0, "cpu")
    report = desk.describe(experiment())
    assert row(report, "first", "mood")[1:4] == ["6", "0", "10.0"]


def test_half_a_run_is_none(desk: Desk) -> None:
    plan = desk.plan(experiment())
    desk.make(jobs.runs(plan)[0].path(paths.PREDICTIONS))
    assert row(desk.describe(experiment()), "first", "mood")[1:3] == ["6", "0"]


def test_what_two_experiments_share_counts_once(desk: Desk) -> None:
    wider = [{"criterion": "magnitude", "sparsities": [0.5, 0.7]}]
    report = desk.describe(experiment(), experiment(name="more", masks=wider))
    assert row(report, "more") == ["3", "0", "6", "0", "7.4"]
    assert row(report, "shared ones once") == ["4", "0", "8", "0", "9.9"]


def test_a_search_is_planned_by_its_budget(desk: Desk) -> None:
    searched = experiment(
        masks=[{"criterion": "magnitude"}], search={"resolution": 0.1, "budget": 40}
    )
    report = desk.describe(searched)
    # 10 to begin with, and 2 dense.
    assert row(report, "drop") == ["6", "0", "≤", "40", "0", "49.3"]
    assert row(report, "first", "mood")[1:4] == ["≤", "40", "0"]
    assert "Left: at most 40 runs" in report
    plan = desk.plan(searched)
    found = jobs.round_spec(plan, plan.experiments["drop"]).first()
    curve = found.curves[0].model_copy(update={"settled": True})
    last = found.model_copy(update={"number": 1, "curves": (curve,)})
    path = desk.results / jobs.round_path(plan, plan.experiments["drop"], 1)
    path.parent.mkdir(parents=True)
    path.write_text(last.model_dump_json())
    assert row(desk.describe(searched), "drop")[2:4] == ["12", "0"]


def test_what_the_catalog_does_not_say_is_named(desk: Desk) -> None:
    report = desk.describe(experiment(models=["first", "second"], tasks=["mood", "unsized"]))
    assert row(report, "second", "mood")[1:] == ["6", "0", "unknown", "unknown"]
    assert row(report, "first", "unsized")[1:] == ["6", "0", "unknown", "unknown"]
    assert row(report, "drop") == ["6", "0", "24", "0", ">", "7.4"]
    last = " ".join(report.rpartition("\n\n")[2].split())
    assert last.startswith("Unknown, and in no sum: model second: size; task unsized: size. ")
    assert "`make fetch STUDY=small.yaml` brings them" in last


def fetch(desk: Desk, model: str, prunable: int = 9_000_000, parameters: int = 10_000_000) -> None:
    """Put a model's checkpoint into the results: 30 MB that are no weights."""
    folder = desk.results / paths.CHECKPOINT.format(model=model)
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(bytes(30_000_000))
    write_json(folder / "config.json", {"image_size": 64, "patch_size": 8})
    matrix = {"name": "m", "shape": [prunable, 1], "dtype": "F32", "file": "model.safetensors"}
    manifest = {
        "format_version": 1,
        "architecture": "bert",
        "source": {},
        "files": {"model.safetensors": "0" * 64},
        "prunable": {
            "count": prunable,
            "matrices": [{**matrix, "layer": 0, "module": "query", "part": "attention"}],
        },
        "parameters": {"count": parameters},
    }
    write_json(desk.results / paths.CHECKPOINT_MANIFEST.format(model=model), manifest)


def prepare(desk: Desk, manifest: str, mean: float | None = None, **more: Any) -> None:
    """Put a task's data into the results, of as many examples as `MOOD` has."""
    file = desk.results / manifest
    file.parent.mkdir(parents=True)
    document = {
        "format_version": 2,
        "kind": "any",
        "labels": ["bad", "good"],
        "preprocessor_sha256": "0",
        "splits": {
            split: {"file": f"{split}.parquet", "examples": MOOD[split]}
            for split in ("train", "evaluation")
        },
        "files": {},
        **({"tokens": {"train": {"mean": mean}}} if mean else {}),
        **more,
    }
    for split in ("train", "evaluation"):
        (file.parent / f"{split}.parquet").write_text("rows")
    write_json(file, document)


def test_what_is_fetched_needs_no_size_in_the_catalog(desk: Desk) -> None:
    """Sizes as in the catalog's entries, but for the download, which is there."""
    asked = experiment(models=["second"], tasks=["unsized"])
    (run, *_) = jobs.runs(desk.plan(asked))
    data = jobs.task_data(desk.plan(asked), "second", "unsized", run.recipe)
    elsewhere = {"preprocessing": {"max_length": 16}}
    prepare(desk, paths.TASK_MANIFEST.format(task="unsized", preprocessor="a-16"), 9, **elsewhere)
    prepare(desk, data, 20, preprocessing={"max_length": 64})
    assert row(desk.describe(asked), "second", "unsized")[3] == "unknown"
    fetch(desk, "second")
    report = desk.describe(asked)
    assert row(report, "second", "unsized")[1:] == ["6", "0", "74.0", "estimated", "7.4"]
    disk = report[report.index("Disk") :]
    assert row(disk, "checkpoints") == ["1", "0.03", "0.00"]
    assert row(disk, "restart points of runs at work") == ["2", "0.48"]
    assert "nknown" not in report
    assert "6 run(s) on 2 core(s) take about 4 min" in forecast_of(desk, desk.plan(asked), 2)


def test_what_is_fetched_of_images_needs_no_size_either(desk: Desk) -> None:
    pictures = {"epochs": 1, "batch_size": 8, "learning_rate": 1e-3}
    recipes = {"quick": pictures}
    named = {"label": "pictures", "data": hub("org/data"), "examples": IMAGE}
    desk._write("tasks/pictures", **named, recipes=recipes)
    asked = experiment(models=["second"], tasks=["pictures"])
    (run, *_) = jobs.runs(desk.plan(asked))
    prepare(desk, jobs.task_data(desk.plan(asked), "second", "pictures", run.recipe))
    fetch(desk, "second")
    report = desk.describe(asked)
    # (6 · 1000 + 2 · 100) · 65 tokens · 9 M = 3.627e12: 3,627 s, and 48 s to start.
    assert row(report, "second", "pictures")[3] == "61.2"
    assert "nknown" not in report


def test_a_damaged_artifact_leaves_a_size_unknown(desk: Desk) -> None:
    desk.make(paths.CHECKPOINT_MANIFEST.format(model="second"))
    desk.make(paths.TASK_MANIFEST.format(task="unsized", preprocessor="a-16"))
    report = desk.describe(experiment(models=["second"], tasks=["unsized"]))
    assert row(report, "second", "unsized")[3] == "unknown"


def test_all_is_known_of_what_the_catalog_says(desk: Desk) -> None:
    assert "nknown" not in desk.describe(experiment(tasks=["mood", "shapes"]))


def test_a_study_of_masks_has_no_runs(desk: Desk) -> None:
    masks = [{"criterion": "magnitude", "sparsities": [0.5]}]
    report = desk.describe(
        {"name": "where", "figure": "placement", "models": ["first"], "masks": masks}
    )
    assert row(report, "where") == ["1", "0", "0", "0", "0.0"]
    assert "Estimated" not in report
    assert "restart" not in report


def test_jobs_ask_for_the_memory_of_their_model(desk: Desk) -> None:
    """As a scheduler is told, 16 bytes a parameter to train: OPT-1.3B's takes 21 GB and more."""
    asked = experiment(models=["first", "second"], controls=["first-random"])
    sizes = Sizes(desk.plan(asked))
    assert memory(sizes, "second", "training") == memory(sizes, "first", "training") == 4000
    file = desk.folder / "catalog" / "models" / "first.yaml"
    file.write_text(file.read_text().replace("10000000.0", "1316000000.0"))
    sizes = Sizes(desk.plan(asked))
    assert memory(sizes, "first", "training") == 2000 + 21056
    assert memory(sizes, "first-random", "training") == 2000 + 21056
    assert memory(sizes, "first", "reading") == 2000 + 10528
    # One that was not there when it was first asked for.
    fetch(desk, "second", parameters=1_316_000_000)
    assert memory(sizes, "second", "training") == 2000 + 21056


def forecast_of(desk: Desk, plan: Resolved, cores: int, number: int = 6) -> str:
    run = jobs.runs(plan)[0]
    place = run.model, run.task, run.recipe
    expected = expected_seconds(plan, "cpu", [place])
    return forecast(expected, Counter({place: number}), cores)


def test_a_line_says_how_long_runs_take_without_a_gpu(desk: Desk) -> None:
    """4.392e12 operations at 0.07 TFLOP/s and 20 s to start: 83 s a run."""
    plan = desk.plan(experiment())
    line = forecast_of(desk, plan, cores=2)
    assert line.startswith("no GPU: 6 run(s) on 2 core(s) take about 4 min; ")
    assert "6 run(s) on 1 core(s) take about 8 min" in forecast_of(desk, plan, cores=1)
    assert "1 run(s) on 1 core(s) take about 1 min" in forecast_of(desk, plan, 16, number=1)
    assert "on 2 core(s) take about 11 h" in forecast_of(desk, plan, 2, number=1_000)
    assert "on 2 core(s) take about 1,149 days" in forecast_of(desk, plan, 2, number=2_400_000)
    desk.make_run(plan, 0, 580.0, "cpu")
    assert "on 2 core(s) take about 30 min" in forecast_of(desk, plan, cores=2)
    desk.make(jobs.runs(plan)[1].path(paths.METRICS))
    assert "take a time that is not known" in forecast_of(desk, plan, cores=2)
    plan = desk.plan(experiment(models=["second"]))
    assert "take a time that is not known" in forecast_of(desk, plan, cores=2)


def test_damaged_metrics_are_named(desk: Desk) -> None:
    plan = desk.plan(experiment())
    desk.make(jobs.runs(plan)[0].path(paths.METRICS))
    with pytest.raises(UserError, match=r"metrics\.parquet: not a readable Parquet file"):
        desk.describe(experiment())


def call(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "essential_sparsity.estimate", *arguments],
        cwd=ROOT,
        env={**environment(), "PYTHONPATH": str(ROOT / "workflow"), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_needs_neither_results_nor_heavy_libraries(tmp_path: Path) -> None:
    done = call("config.yaml", "--results", str(tmp_path / "none"), "--gpus", "3")
    assert done.returncode == 0, done.stderr
    assert f"results in {tmp_path}/none (not there yet)" in done.stdout
    assert "with 3 GPU(s)" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "pydantic" in imported
    assert not imported & {"torch", "transformers", "datasets", "huggingface_hub", "pandas"}


@pytest.mark.parametrize(
    ("arguments", "gpus", "assumed", "unit", "at_once"),
    [
        ([], "", "this machine's CPU, as no GPU is at hand", "CPU", f"{CORES} run(s) at once"),
        ([], "0,1", "this machine's GPU(s)", "GPU", "2 GPU(s)"),
        (["--device", "gpu"], "", None, "GPU", "1 GPU(s)"),
        (["--device", "cpu"], "0,1", None, "CPU", f"{CORES} run(s) at once"),
        (["--device", "cpu", "--gpus", "3"], "", None, "CPU", "3 run(s) at once"),
        (["--gpus", "3"], "", None, "GPU", "3 GPU(s)"),
    ],
)
def test_what_is_not_said_is_what_runs_would_find(
    arguments: list[str], gpus: str, assumed: str | None, unit: str, at_once: str, tmp_path: Path
) -> None:
    done = call("config.yaml", "--results", str(tmp_path), *arguments, CUDA_VISIBLE_DEVICES=gpus)
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert f"{unit}-hours; with {at_once}" in said
    assert (f"Assumed: runs on {assumed}" in said) if assumed else ("Assumed" not in said)
    if assumed:
        assert f"ARGS=--device={'gpu' if unit == 'CPU' else 'cpu'}" in said


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nowhere.yaml"], "error: nowhere.yaml: cannot be read: No such file or directory"),
        (["config.yaml", "--tflops", "0"], "error: --tflops: 0; it must be above 0"),
        (["config.yaml", "--gpus", "0"], "error: --gpus: 0; at least one is needed"),
        (["config.yaml", "--start-up", "-1"], "error: --start-up: -1; it must be 0 or more"),
    ],
)
def test_a_mistake_gets_one_line(arguments: list[str], line: str) -> None:
    done = call(*arguments)
    lines = [text for text in done.stderr.splitlines() if not text.startswith("import time:")]
    assert (done.returncode, done.stdout, lines) == (1, "", [line])
