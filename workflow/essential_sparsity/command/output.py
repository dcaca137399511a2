"""What subcommands print, and where: results on stdout; with `--json`, all else on stderr."""

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from essential_sparsity.support.errors import UserError


def report(document: dict[str, Any], lines: Sequence[str], as_json: bool) -> None:
    """Print the lines for people, and the document for machines if it is asked for."""
    if lines:
        print("\n".join(lines), file=sys.stderr if as_json else sys.stdout)
    if as_json:
        print(json.dumps(document, indent=1))


@contextlib.contextmanager
def writable_folder(folder: Path) -> Iterator[None]:
    """Make `folder` before the work, and take it away again if the work fails and leaves it empty.

    Raises:
        UserError: it cannot be made, or nothing can be written into it.
    """
    absent = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "there is a file" if isinstance(error, FileExistsError) else error.strerror
        raise UserError(f"{folder}: no folder can be made here: {reason}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"{folder}: nothing can be written into this folder")
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            for path in absent:
                path.rmdir()
        raise
