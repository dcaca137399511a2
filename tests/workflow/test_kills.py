"""`kill -9` of everything, again and again, at moments drawn over the whole course of a study."""

import os
import random
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from project import Project, kill_group, tiny_study

pytestmark = [pytest.mark.workflow, pytest.mark.long]

KILLS = 20
SEED = 7

# What is told of the machine and of the time: the rest has to be equal.
OF_THE_MACHINE = {"seconds"}
NOT_COMPARED = {"logs", "benchmarks", ".snakemake"}


def study() -> dict[str, Any]:
    """Return the tiny study with a lottery ticket of two rounds beside its mask."""
    document = tiny_study()
    document["experiments"][0]["masks"] += [
        {"criterion": "ticket", "step": 0.2, "sparsities": [0.4]},
    ]
    return document


def artifacts(project: Project) -> dict[str, object]:
    """Return what a study left, by path: rows of tables, bytes of all else.

    Hidden parts that a killed job left, which nothing reads, are none of it.
    """
    found: dict[str, object] = {}
    for file in sorted(project.results.rglob("*")):
        path = file.relative_to(project.results)
        is_part = file.name.startswith(".") and file.suffix == ".part"
        if not file.is_file() or is_part or path.parts[0] in NOT_COMPARED:
            continue
        if file.suffix == ".parquet":
            table = pq.read_table(file)
            columns = [name for name in table.column_names if name not in OF_THE_MACHINE]
            found[str(path)] = table.select(columns).to_pylist()
        elif file.name not in ("report.html", "provenance.json"):
            found[str(path)] = file.read_bytes()
        else:
            found[str(path)] = "there"
    return found


def finished_within(process: "subprocess.Popen[str]", seconds: float) -> bool:
    """Tell whether the process ended well in time; if it did not end, kill all of it."""
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        kill_group(process)
        return False
    assert process.returncode == 0, output
    return True


def survivors(project: Project, patience: float = 10.0) -> list[str]:
    """Return the processes that still work in the project's folder: the dying get a moment."""
    deadline = time.monotonic() + patience
    while (found := working_in(project)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def working_in(project: Project) -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(folder / "cwd")).is_relative_to(project.folder):
                found.append(f"{folder.name}: {(folder / 'cmdline').read_bytes()!r}")
        except OSError:
            continue
    return found


def test_a_study_killed_at_twenty_moments_ends_with_the_numbers_of_an_undisturbed_one(
    tmp_path: Path,
) -> None:
    undisturbed = Project.create(tmp_path / "undisturbed")
    undisturbed.write_study(study())
    project = undisturbed.copy(tmp_path / "clone")
    began = time.monotonic()
    undisturbed.run("study", "--cores", "2")
    duration = time.monotonic() - began
    expected = artifacts(undisturbed)

    draw = random.Random(SEED)
    kills, studies = [], 0
    while len(kills) < KILLS:
        # A study that has gone on from earlier kills dies later in its course.
        moment = draw.uniform(0, 0.6 * duration)
        if finished_within(project.start("study", "--cores", "2"), moment):
            assert artifacts(project) == expected
            shutil.rmtree(project.results)
            studies += 1
        else:
            kills.append(moment)
            assert not survivors(project)
            whole = artifacts(project)
            assert {p: c for p, c in whole.items() if p in expected and c != expected[p]} == {}
    project.run("study", "--cores", "2")
    print(f"undisturbed: {duration:.0f} s; {studies + 1} studies, kills after", *map(round, kills))
    assert artifacts(project) == expected
    assert project.planned() == {}
