"""A run's own restart point: the last whole epoch checkpoint of this very run, and of no other."""

import shutil
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from essential_sparsity.files import write_text

_IDENTITY = "identity.json"
_WHOLE = "whole"


class RestartPoint:
    """The folder of a run's epoch checkpoints; it lives until the run has its results."""

    def __init__(self, folder: Path, identity: str) -> None:
        """Take the folder, and a text that states everything the run depends on.

        Checkpoints of a run with another identity are deleted.
        """
        self.folder = folder
        mark = folder / _IDENTITY
        if folder.exists() and (not mark.exists() or mark.read_text(encoding="utf-8") != identity):
            shutil.rmtree(folder)
        write_text(mark, identity)

    def latest(self) -> Path | None:
        """Return the newest checkpoint that was written to its end, if there is one."""
        whole = [mark.parent for mark in self.folder.glob(f"checkpoint-*/{_WHOLE}")]
        return max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)

    def clear(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder)


class MarkWhole(TrainerCallback):
    """Marks a checkpoint once Trainer has written all of it: a killed run may leave a part."""

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Leave the mark in the checkpoint's folder."""
        write_text(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}" / _WHOLE, "")
