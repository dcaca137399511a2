"""Which version of this project's layout a results folder has, as a small file in it says."""

import os
from pathlib import Path, PurePath

from essential_sparsity.stages import paths
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import read_json, write_json

# 2: a run's metrics say which mask it was made under.
VERSION = 2

_FILE = Path("format.json")
_PATTERNS = (paths.CHECKPOINT, paths.MASK, paths.RUN, paths.STUDY, paths.TASK)

# Set in the environment, the format is not checked: results are about to be carried over.
UNCHECKED = "ESSENTIAL_SPARSITY_UNCHECKED"


def is_blank(results: Path) -> bool:
    """Tell whether a folder holds no results, of whatever version."""
    return not any((results / PurePath(pattern).parts[0]).is_dir() for pattern in _PATTERNS)


def write_format(results: Path) -> None:
    """Say that the results are of this version."""
    write_json(results / _FILE, {"format_version": VERSION})


def check_format(results: Path, study: str) -> None:
    """Check that the results are of this version; a folder without any becomes so.

    Those of another one would all be made again. `study` is the study's file, for the remedy.
    """
    if UNCHECKED in os.environ:
        return
    path = results / _FILE
    if path.exists():
        version = read_json(path, "record of the results' format").get("format_version")
        if version != VERSION:
            raise UserError(f"{path}: format {version!r}; this version writes {VERSION}")
    elif not is_blank(results):
        raise UserError(
            f"{results.resolve()}: holds results of an earlier version, which would all be made "
            f"again; `make keep STUDY={study}` takes them over"
        )
    else:
        write_format(results)
