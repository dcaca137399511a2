"""A clone of the project in a folder of its own, with a tiny catalog and study, to run for real."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from miniatures import save_bert, write_examples

ROOT = Path(__file__).parents[1]
_SOURCES = (
    "Snakefile",
    "config.yaml",
    "catalog",
    "envs",
    "profiles",
    "rules",
    "studies",
    "workflow",
)

RECIPE = {"epochs": 2, "batch_size": 8, "learning_rate": 1.0e-2, "max_length": 24}


def tiny_study() -> dict[str, Any]:
    """Return a study of one model, one task and one sparsity, with both kinds of figure."""
    return {
        "study": "tiny",
        "catalogs": ["tiny"],
        "experiments": [
            {
                "name": "drop",
                "figure": "drop",
                "models": ["tiny-bert"],
                "tasks": ["mood"],
                "recipe": "quick",
                "masks": [{"criterion": "magnitude", "sparsities": [0.5]}],
                "seeds": [1],
            },
            {
                "name": "placement",
                "figure": "placement",
                "models": ["tiny-bert"],
                "masks": [{"criterion": "magnitude", "sparsities": [0.5]}],
            },
        ],
        "statistics": {"resamples": 100},
    }


class Project:
    """A clone in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = folder / "results"

    @classmethod
    def create(cls, folder: Path) -> "Project":
        """Clone the working tree's sources and write the tiny catalog and study."""
        project = cls(folder)
        project.clone_sources()
        save_bert(folder / "models" / "tiny-bert")
        write_examples(folder / "data")
        project.write_model("tiny-bert", {"kind": "folder", "path": "models/tiny-bert"})
        project.write_task("mood", RECIPE)
        project.write_study(tiny_study())
        return project

    def clone_sources(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in _SOURCES:
            source = ROOT / name
            if source.is_dir():
                ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
                # Fresh times, as a clone has them.
                shutil.copytree(
                    source,
                    self.folder / name,
                    ignore=ignore,
                    copy_function=shutil.copyfile,
                    dirs_exist_ok=True,
                )
            else:
                shutil.copyfile(source, self.folder / name)

    def copy(self, folder: Path) -> "Project":
        """Copy everything, results too, with its times."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Project(folder)

    def write_model(self, name: str, *sources: dict[str, Any], **more: Any) -> None:
        entry = {"version": 1, "label": name.title(), "sources": list(sources), **more}
        self._write(f"tiny/models/{name}.yaml", entry)

    def write_task(self, name: str, recipe: dict[str, Any], **more: Any) -> None:
        entry = {
            "version": 1,
            "label": name.title(),
            "data": {
                "kind": "files",
                "train": "data/train.csv",
                "evaluation": "data/evaluation.csv",
            },
            "examples": {
                "kind": "text-classification",
                "fields": ["text"],
                "labels": ["bad", "good"],
            },
            "recipes": {"quick": recipe},
            **more,
        }
        self._write(f"tiny/tasks/{name}.yaml", entry)

    def read_study(self) -> dict[str, Any]:
        return dict(yaml.safe_load((self.folder / "study.yaml").read_text()))

    def write_study(self, study: dict[str, Any]) -> None:
        self._write("study.yaml", study)

    def _write(self, path: str, document: dict[str, Any]) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(document))

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace `old`, which must be there once, in a source file."""
        file = self.folder / path
        text = file.read_text()
        assert text.count(old) == 1, (path, old, text.count(old))
        file.write_text(text.replace(old, new))

    def edit_code(self, module: str) -> None:
        """Change what importing a module does, if only to set what is set anyway."""
        file = self.folder / "workflow/essential_sparsity" / module
        file.write_text(file.read_text() + "\nimport sys\n\nsys.setswitchinterval(0.005)\n")

    def command(self, *arguments: str, study: str = "study.yaml") -> list[str]:
        snakemake = str(Path(sys.executable).parent / "snakemake")
        return [snakemake, *arguments, "--configfile", study]

    def start(self, *arguments: str, study: str = "study.yaml") -> "subprocess.Popen[str]":
        """Start Snakemake in a process group of its own."""
        return subprocess.Popen(
            self.command(*arguments, study=study),
            cwd=self.folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, study: str = "study.yaml", fails: bool = False) -> str:
        """Run Snakemake to its end; return what it printed."""
        process = self.start(*arguments, study=study)
        try:
            output, _ = process.communicate(timeout=400)
        except BaseException:
            kill_group(process)
            raise
        assert (process.returncode != 0) == fails, output
        return output

    def planned(self, *arguments: str, study: str = "study.yaml") -> dict[str, int]:
        """Return which rules a run would execute, and how often, targets left out."""
        output = self.run("-n", *arguments, study=study)
        if "Nothing to be done" in output:
            return {}
        stats = output.split("Job stats:")[-1].split("total")[0]
        counts = {m[1]: int(m[2]) for m in re.finditer(r"^(\w+) +(\d+)$", stats, re.MULTILINE)}
        return {rule: n for rule, n in counts.items() if not re.fullmatch(TARGETS, rule)}


def plan(project: Project, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Return what `make plan` does with the project's study."""
    return subprocess.run(
        [sys.executable, "-m", "essential_sparsity.estimate", "study.yaml", *arguments],
        cwd=project.folder,
        env={**environment(), "PYTHONPATH": str(project.folder / "workflow")},
        capture_output=True,
        text=True,
        check=False,
    )


TARGETS = r"study|fetch|figures|masks|runs|figure_\w+"


def environment() -> dict[str, str]:
    """Return an environment without this test run's own traces, and without a hub to reach."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "HF_", "PYTHONPATH"))
    }
    return {**kept, "HF_HUB_OFFLINE": "1"}


def kill_group(process: "subprocess.Popen[str]") -> None:
    """Kill -9 the process and everything that it started."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def scores(project: Project) -> dict[str, list[dict[str, object]]]:
    """Return every run's results but for its times, by path."""
    found = {}
    for file in sorted(project.results.glob("runs/**/*.parquet")):
        table = pq.read_table(file)
        found[str(file.relative_to(project.results))] = table.drop_columns(
            [name for name in ("seconds",) if name in table.column_names]
        ).to_pylist()
    return found
