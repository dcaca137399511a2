"""A checkpoint from a folder of this machine."""

import shutil
from pathlib import Path
from typing import Any

from essential_sparsity.checkpoints.contents import choose
from essential_sparsity.checkpoints.spec import FolderSource
from essential_sparsity.support.errors import UserError


def fetch_from_folder(source: FolderSource, target: Path, base: Path | None) -> dict[str, Any]:
    """Copy the checkpoint that `save_pretrained` wrote to `source.path`.

    Raises:
        UserError: there is no such folder, or no checkpoint in it.
    """
    folder = Path(source.path).expanduser()
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    for name in choose(path.name for path in folder.iterdir() if path.is_file()):
        # Copied, not linked: the folder's owner may go on to write into its files.
        shutil.copyfile(folder / name, target / name)
    return {}
