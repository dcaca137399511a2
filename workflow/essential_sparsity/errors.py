"""The one way in which a user's mistake reaches the user: a single clear line, no traceback."""

import errno
import os
import sys
from collections.abc import Callable

# Failures of the machine rather than of the program: they get one line as well.
_MACHINE_ERRORS = {
    errno.ENOSPC: "no space left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file is larger than the file system or a limit (ulimit -f) allows",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "operation not permitted",
    errno.EMFILE: "too many open files (see ulimit -n)",
    errno.ENAMETOOLONG: "the file name is too long",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EEXIST: "something else is there already",
    errno.EISDIR: "a folder is there, not a file",
}


class UserError(Exception):
    """A mistake that the user can mend: names file, key or path, value, and what is allowed."""


def one_line(text: object) -> str:
    """Return `text` with every run of white space, line breaks too, made a single space.

    What does not print, as what a terminal would obey, is shown as �.
    """
    line = " ".join(str(text).split())
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line
    )


def run_stage(stage: Callable[[], None]) -> None:
    """Run `stage()`; turn a `UserError` or a machine's failure into one line and exit status 1.

    Anything else is a defect of this project and keeps its traceback.
    """
    try:
        stage()
    except UserError as error:
        sys.exit(f"error: {one_line(error)}")
    except OSError as error:
        if error.errno not in _MACHINE_ERRORS:
            raise
        where = error.filename or os.getcwd()
        sys.exit(f"error: {where}: {_MACHINE_ERRORS[error.errno]}; nothing was written there")
    except KeyboardInterrupt:
        sys.exit(130)
