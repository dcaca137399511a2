"""The scratch folder: checkpoints that are made once, and files of which none is left behind."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contestant import measure
from benchmarks.contestants.plain import read
from benchmarks.synthetic import Model


@dataclass(frozen=True)
class Scratch:
    """A folder for what is measured; with `keep`, checkpoints stay for the next time."""

    folder: Path
    keep: bool

    def checkpoint(self, name: str) -> Path:
        """Return the folder of a synthetic checkpoint with its manifest; make it if need be."""
        folder = self.folder / name
        if not (folder / "checkpoint.json").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            # In a process of its own: what it needs is not to count as anybody else's.
            subprocess.run(
                [sys.executable, "-m", "benchmarks.synthetic", name, str(folder)],
                check=True,
                cwd=Path(__file__).parents[1],
            )
            measure("ours.prepare", checkpoint=folder)
        return folder

    def warm(self, checkpoint: Path) -> Callable[[], None]:
        """Return what is done before a run: old output goes, the files are read once."""

        def prepare() -> None:
            shutil.rmtree(self.output, ignore_errors=True)
            read([str(file) for file in weight_files(checkpoint)])

        return prepare

    @property
    def output(self) -> Path:
        """Where contestants write; not there before."""
        return self.folder / "output"

    def clear(self, *names: str) -> None:
        """Remove output, and unless they are kept, the checkpoints."""
        shutil.rmtree(self.output, ignore_errors=True)
        for name in () if self.keep else names:
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def close(self) -> None:
        """Remove the folder if nothing is kept."""
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)


def weight_files(checkpoint: Path) -> list[Path]:
    """Return the checkpoint's files of weights."""
    return sorted(checkpoint.glob("*.safetensors"))


def describe(model: Model) -> str:
    """Return a model's size in words."""
    count = len(list(model.matrices()))
    return (
        f"{count} matrices, {model.weights:,} weights in {model.dtype}, "
        f"{model.bytes / 1e9:.2f} GB: the shapes of {model.label}"
    )
