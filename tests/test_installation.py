"""`pip install` of the repository into an environment of one's own, and work done with it there."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from project import ROOT
from small_inputs import write_bert, write_predictions

_SCRIPT = """
import pandas
import essential_sparsity as es

with es.open_checkpoint("tiny") as checkpoint:
    half, third = es.compute_masks(checkpoint, [0.5, 0.3])
    es.apply_mask(half, checkpoint, "pruned")
(pair,) = es.compare_masks([half, third])
curve = es.curve_of(pandas.read_parquet("predictions.parquet"))
print(half.sparsity, pair["overlap"], len(list(curve.essential_rows())))
"""


@pytest.mark.long
def test_the_repository_installs_into_a_fresh_environment_and_works_without_torch(
    tmp_path: Path,
) -> None:
    def run(*words: str) -> str:
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    # A copy, since building leaves files beside the sources.
    clone = tmp_path / "clone"
    ignore = shutil.ignore_patterns("*.egg-info", "__pycache__", "build")
    shutil.copytree(ROOT / "workflow", clone / "workflow", ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, clone)
    run(sys.executable, "-m", "venv", "own")
    run("own/bin/python", "-m", "pip", "install", "--quiet", "./clone")
    shutil.rmtree(clone)
    installed = run("own/bin/python", "-m", "pip", "list", "--format", "freeze").lower()
    assert "essential-sparsity==" in installed
    assert not any(f"\n{name}==" in installed for name in ("torch", "snakemake", "transformers"))

    write_bert(tmp_path / "tiny")
    write_predictions(tmp_path / "predictions.parquet")
    assert run("own/bin/python", "-c", _SCRIPT).split() == ["0.5", "1.0", "4"]

    command = "own/bin/essential-sparsity"
    run(command, "mask", "compute", "tiny", "--sparsity", "0.3", "0.5", "--output", "masks")
    masks = sorted(map(str, (tmp_path / "masks").glob("*.safetensors")))
    run(command, "mask", "compare", *masks)
    run(command, "mask", "apply", masks[1], "tiny", "--output", "half")
    assert "removed 2,048 of 4,096" in run(command, "mask", "show", masks[1])
    pruned, half = (tmp_path / name / "model.safetensors" for name in ("pruned", "half"))
    assert pruned.read_bytes() == half.read_bytes()
