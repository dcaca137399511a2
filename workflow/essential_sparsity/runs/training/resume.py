"""A run's own restart point: the last whole epoch checkpoint of this very run, and of no other."""

import shutil
import sys
from pathlib import Path

from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import read_json, sha256_of, write_json, write_text

_IDENTITY = "identity.json"
_WHOLE = "whole"  # in a checkpoint's folder: it was written to its end, and file → SHA-256


def mark_whole(checkpoint: Path) -> None:
    """Mark an epoch checkpoint that was written to its end, and what its files hold."""
    write_json(checkpoint / _WHOLE, _digests(checkpoint))


class RestartPoint:
    """The folder of a run's epoch checkpoints; it lives until the run has its results."""

    def __init__(self, folder: Path, identity: str) -> None:
        # `identity` states all that the run depends on: checkpoints of another one are deleted.
        self.folder = folder
        mark = folder / _IDENTITY
        if folder.exists() and (not mark.exists() or mark.read_text(encoding="utf-8") != identity):
            shutil.rmtree(folder)
        write_text(mark, identity)

    def latest(self) -> Path | None:
        """Return the newest checkpoint that was written to its end, if there is one."""
        whole = [mark.parent for mark in self.folder.glob(f"checkpoint-*/{_WHOLE}")]
        whole.sort(key=lambda path: int(path.name.rpartition("-")[2]))
        while whole:
            newest = whole.pop()
            if _is_undamaged(newest):
                return newest
            print(
                f"{newest}: note: damaged since it was written: not gone on from", file=sys.stderr
            )
        return None

    def clear(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder)


def _digests(checkpoint: Path) -> dict[str, str]:
    files = sorted(path for path in checkpoint.rglob("*") if path.is_file())
    return {str(p.relative_to(checkpoint)): sha256_of(p) for p in files if p.name != _WHOLE}


def _is_undamaged(checkpoint: Path) -> bool:
    try:
        return bool(read_json(checkpoint / _WHOLE, "mark") == _digests(checkpoint))
    except UserError:
        return False
