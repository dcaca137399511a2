"""What a crash costs, and what is left where something is wrong: the running job, and nothing."""

import shutil
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest

from project import RECIPE, Project, kill_group, scores, tiny_study

pytestmark = pytest.mark.workflow


def test_kill_9_in_the_middle_of_a_run_costs_that_run_alone(project: Project) -> None:
    """The same command again finishes, without unlocking, with an undisturbed run's numbers."""
    undisturbed = scores(project)
    assert len(undisturbed) == 4
    shutil.rmtree(project.results / "runs")
    for folder in ("studies", "logs"):
        shutil.rmtree(project.results / folder)
    process = project.start("study", "--cores", "1")
    deadline = time.monotonic() + 300
    while not list(project.results.glob("runs/**/.restart/checkpoint-*/whole")):
        assert process.poll() is None and time.monotonic() < deadline, "never got into a run"
        time.sleep(0.02)
    kill_group(process)
    assert list(project.results.glob(".snakemake/locks/*")), "the kill left no lock: too late"
    assert scores(project).keys() < undisturbed.keys()
    project.run("study")
    assert scores(project) == undisturbed
    assert not list(project.results.rglob("*.part"))
    assert project.planned() == {}


def test_a_living_process_keeps_its_folder_and_others_may_look(project: Project) -> None:
    """A second run is refused, a dry run is not, and neither takes the first one's lock away."""
    write_study = tiny_study()
    write_study["experiments"][0]["seeds"] = [1, 2]
    project.write_study(write_study)
    first = project.start("study", "--cores", "1")
    deadline = time.monotonic() + 60
    while not list(project.results.glob(".snakemake/locks/*")):
        assert first.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    second = project.run("study", fails=True)
    assert f"note: process {first.pid} on " in second
    assert "cannot be locked" in second
    project.run("-n")
    assert list(project.results.glob(".snakemake/locks/*")), "the first one's lock was taken away"
    output, _ = first.communicate(timeout=300)
    assert first.returncode == 0, output
    assert project.planned() == {}


def test_a_failed_job_shows_its_error_and_leaves_nothing(project: Project) -> None:
    """A mask that cannot be found, as its training diverges: the reason is in what is printed."""
    study = tiny_study()
    study["experiments"][0]["masks"].append({"criterion": "gradual", "sparsities": [0.5]})
    study["experiments"][0]["overrides"] = {"learning_rate": 1.0e30}
    project.write_study(study)
    output = project.run("study", fails=True)
    assert "training diverged; a smaller learning_rate in the recipe is the usual remedy" in output
    assert "Traceback" not in output


def test_a_run_that_diverges_is_recorded_counted_and_shown(project: Project) -> None:
    """Its job ends well, nothing runs again, and the study says which run it was, and why."""
    study = tiny_study()
    study["experiments"][0]["overrides"] = {"learning_rate": 1.0e30}
    project.write_study(study)
    output = project.run("study")
    assert ": note: loss nan at step" in output
    summary = (project.results / "studies/tiny/summary.txt").read_text()
    assert "‡ training of up to 2 of a curve's runs diverged" in summary
    runs = pq.read_table(project.results / "studies/tiny/runs.parquet").to_pylist()
    assert [row["score"] for row in runs] == [50, 50]
    assert all("not finite" in row["failure"] or "loss nan" in row["failure"] for row in runs)
    page = (project.results / "studies/tiny/report.html").read_text()
    assert "Runs whose training diverged" in page and "loss nan at step" in page
    assert "diverged: 2 of its runs, which count as a constant answer" in page
    assert project.planned() == {}


def test_a_tampered_mask_is_named_and_no_run_is_made_of_it(project: Project) -> None:
    mask = project.results / "masks/tiny-bert/magnitude-global-s0.50.safetensors"
    data = bytearray(mask.read_bytes())
    data[-1] ^= 1
    mask.write_bytes(bytes(data))
    shutil.rmtree(project.results / "runs")
    shutil.rmtree(project.results / "studies")
    output = project.run("study", "--cores", "1", fails=True)
    assert (
        "error: masks/tiny-bert/magnitude-global-s0.50.safetensors: damaged: its sha256 is not"
        in output
    )
    assert not list(project.results.glob("runs/**/magnitude*/**/*.parquet"))


def test_figures_only_mode_draws_from_tables_alone(project: Project) -> None:
    """No checkpoint, mask or run is there or asked for."""
    for name in ("checkpoints", "tasks", "masks", "runs"):
        shutil.rmtree(project.results / name)
    drawn = {p: p.read_bytes() for p in project.results.glob("studies/tiny/figures/*")}
    assert len(drawn) == 9
    shutil.rmtree(project.results / "studies/tiny/figures")
    arguments = ("figures", "--profile", "profiles/figures", "--forceall")
    output = project.run(*arguments)
    assert {p: p.read_bytes() for p in project.results.glob("studies/tiny/figures/*")} == drawn
    assert "Run " not in output and "Checkpoint" not in output
    # A table that is not there is named, and nothing is computed to make it.
    (project.results / "studies/tiny/drop/essential.parquet").unlink()
    output = project.run(*arguments, fails=True)
    line = output.strip().splitlines()[-1]
    assert line.startswith("error: ") and "drop/essential.parquet: no such table" in line


def test_each_figure_and_stage_is_a_target(project: Project) -> None:
    shutil.rmtree(project.results / "studies/tiny/figures")
    assert project.planned("figure_drop") == {"drop_figure": 1}
    assert project.planned("figure_placement") == {"placement_figure": 1}
    figures = {"drop_figure": 1, "placement_figure": 1, "essential_figure": 1}
    assert project.planned("figures") == figures
    shutil.rmtree(project.results / "masks")
    assert project.planned("masks") == {"mask": 2}


def test_the_study_tells_what_it_does_and_ends_with_its_table(project: Project) -> None:
    study = tiny_study()
    study["experiments"][0]["seeds"] = [7]
    project.write_study(study)
    output = project.run("study")
    assert "Run tiny-bert on mood, magnitude-global-s0.50, seed 7" in output
    assert "of 11 steps" in output
    summary = (project.results / "studies/tiny/summary.txt").read_text()
    assert summary.strip() in output
    assert "results/studies/tiny/figures/drop.png" in summary
    assert (project.folder / "results/studies/tiny/figures/drop.png").is_file()


def test_the_workflow_stays_light(project: Project) -> None:
    """What the Snakefile imports brings neither torch nor transformers nor pandas along."""
    rules = (file.read_text() for file in (project.folder / "rules").glob("*.smk"))
    lines = [line.strip() for source in rules for line in source.splitlines()]
    imports = [line for line in lines if line.startswith("from essential_sparsity")]
    assert len(imports) > 9
    code = "\n".join([*imports, "import sys", "print(*sys.modules)"])
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"torch", "transformers", "pandas", "datasets", "matplotlib", "scipy"} & set(output)
    assert "essential_sparsity.study.resolve" in output


def test_a_recipe_variant_never_shares_a_path(project: Project) -> None:
    """Equal names, other contents: the digest in the path tells them apart."""
    before = set(project.results.glob("runs/tiny-bert/mood/*"))
    project.write_task("mood", {**RECIPE, "train_examples": 32})
    project.run("runs")
    assert len(set(project.results.glob("runs/tiny-bert/mood/*")) - before) == 1
