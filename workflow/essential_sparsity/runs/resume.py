"""A run's own restart point: the last whole epoch checkpoint of this very run, and of no other."""

import shutil
from pathlib import Path

from essential_sparsity.files import write_text

_IDENTITY = "identity.json"
WHOLE = "whole"  # in a checkpoint's folder: it was written to its end


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
        whole = [mark.parent for mark in self.folder.glob(f"checkpoint-*/{WHOLE}")]
        return max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)

    def clear(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder)
