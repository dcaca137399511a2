"""A disk that is full or read-only, few open files: one clear line, then the right numbers."""

import contextlib
import re
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from project import Project, scores

pytestmark = pytest.mark.workflow


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """Mount a disk of its own at `folder`, which is made empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def figures(project: Project) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in project.results.glob("studies/*/figures/*")}


def assert_whole(project: Project, finished: Project) -> None:
    """Check that what has its final name is what an undisturbed study left there."""
    for path, rows in scores(project).items():
        assert rows == scores(finished)[path]
    for file in project.results.glob("[!.lb]*/**/[!.]*.*"):
        if file.suffix == ".parquet":
            pq.read_table(file)
        elif file.suffix in (".safetensors", ".png", ".csv") and ".restart" not in str(file):
            twin = finished.results / file.relative_to(project.results)
            assert file.read_bytes() == twin.read_bytes()


# Room in KiB: for no checkpoint; no task data; no second run; not all figures.
@pytest.mark.long
@pytest.mark.parametrize("room", [32, 92, 568, 768])
def test_a_full_disk_is_named_and_with_more_room_the_study_goes_on(
    finished_project: Project, tmp_path: Path, room: int
) -> None:
    project = Project(tmp_path / "clone")
    shutil.copytree(
        finished_project.folder, project.folder, ignore=shutil.ignore_patterns("results")
    )
    with small_disk(project.results, f"{room}k"):
        output = project.run("study", "--cores", "1", fails=True)
        # What a job could not write it says itself; what Snakemake could not, Snakemake.
        job = re.search(r"^error: .*/.*no space left on .*$", output, re.MULTILINE | re.I)
        snakemake = re.search(rf"^.*No space left on .*{project.results}/.*$", output, re.MULTILINE)
        assert job or snakemake, output
        assert "Traceback" not in output
        assert_whole(project, finished_project)
        assert not list(project.results.rglob("*.part"))

        remount(project.results, "size=64m")
        project.run("study")
        assert scores(project) == scores(finished_project)
        assert figures(project) == figures(finished_project)
        assert project.planned() == {}


@pytest.mark.parametrize("arguments", [("study",), ("-n",)])
@pytest.mark.parametrize("begun", [False, True])
def test_a_read_only_results_folder_is_named(
    finished_project: Project, tmp_path: Path, begun: bool, arguments: tuple[str, ...]
) -> None:
    project = finished_project.copy(tmp_path / "clone")
    results = shutil.move(project.results, tmp_path / "results")
    with small_disk(project.results, "64m"):
        if begun:
            shutil.copytree(results, project.results, dirs_exist_ok=True)
            shutil.rmtree(project.results / "runs")
        remount(project.results, "ro")
        output = project.run(*arguments, fails=True)
        line = output.strip().splitlines()[-1]
        assert line.startswith(f"error: {project.results}/.snakemake")
        assert "the file system is read-only" in line
        assert "Traceback" not in output and "common.smk" not in output


@pytest.mark.long
def test_few_open_files_are_enough(finished_project: Project, tmp_path: Path) -> None:
    """As few as no system allows: 32 for each process, where 1,024 are usual."""
    project = finished_project.copy(tmp_path / "clone")
    shutil.rmtree(project.results)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    process = subprocess.run(
        project.command("study", "--cores", "2"),
        cwd=project.folder,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (32, most)),
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    assert scores(project) == scores(finished_project)
