"""The linter of the repository: it is content with what is here, and sees what is amiss."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from project import ROOT


def lint(root: Path) -> tuple[int, list[str]]:
    command = [sys.executable, ROOT / ".ci/lint.py", root]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize(
    ("file", "before", "after", "finding"),
    [
        ("envs/numpy.yaml", "numpy==", "numpy==0.", "numpy.yaml: numpy==0."),
        ("pyproject.toml", '"numpy>=2.0"', '"numpy>=99"', "pyproject.toml: numpy>=99: the lock"),
        ("requirements-cluster.lock", "snakemake-executor-plugin-slurm==", "x==", "lacks snake"),
        ("rules/mask.smk", "    message:", "    massage:", "mask.smk: rule"),
        ("Snakefile", "include:", "include:\n\n\n\n\n\n\n\n\n\n\n", "Snakefile: "),
        ("profiles/slurm/config.yaml", "rerun-triggers", "triggers", "profiles/slurm: rerun-"),
        ("README.md", "(docs/masks.md)", "(docs/mask.md)", "README.md: docs/mask.md#"),
        (
            "workflow/essential_sparsity/support/files.py",
            "\nimport os\n",
            "\nimport os\nfrom essential_sparsity.masks import mask\n",
            "support/files.py: imports essential_sparsity.masks",
        ),
    ],
)
def test_what_is_amiss_is_told(
    file: str, before: str, after: str, finding: str, tmp_path: Path
) -> None:
    first = Path(file).parts[0]
    for path in ROOT.iterdir():
        if path.name == first and path.is_dir():
            shutil.copytree(path, tmp_path / first)
        elif path.name == first:
            shutil.copy(path, tmp_path)
        else:
            (tmp_path / path.name).symlink_to(path)
    text = (tmp_path / file).read_text()
    assert before in text
    (tmp_path / file).write_text(text.replace(before, after))
    status, found = lint(tmp_path)
    assert status == 1
    assert any(finding in line for line in found), found
