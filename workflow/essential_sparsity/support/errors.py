"""Errors for users: a mistake is told in a single clear line, without a traceback."""

import errno
import os
import re
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
    """A mistake that the user can mend: names file, key or path, value, and what is allowed.

    >>> import essential_sparsity as es
    >>> try:
    ...     es.open_checkpoint("/data/no-such-model")
    ... except es.UserError as error:
    ...     print(str(error).partition(";")[0])
    /data/no-such-model: no such folder
    """


def one_line(text: object) -> str:
    """Return `text` with every run of white space, line breaks too, made a single space.

    What does not print, as what a terminal would obey, is shown as �.
    """
    line = " ".join(str(text).split())
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line
    )


def machine_failure(error: BaseException) -> str | None:
    """Return a failure of the machine as one line that names the path; None if it is no such."""
    number = _errno_of(error)
    if number not in _MACHINE_ERRORS:
        return None
    # Of two paths the second is the one that is written to.
    names = (getattr(error, name, None) for name in ("filename2", "filename"))
    where = next((name for name in names if name is not None), os.getcwd())
    return one_line(f"{where}: {_MACHINE_ERRORS[number]}; nothing was written there")


def _errno_of(error: BaseException) -> int | None:
    if isinstance(error, OSError):
        return error.errno
    # Libraries that write files themselves: safetensors tells the number in its text, torch that
    # less arrived in a file than it wrote there.
    if found := re.search(r"\(os error (\d+)\)", str(error)):
        return int(found[1])
    if re.search(r"unexpected pos \d+ vs \d+|PytorchStreamWriter", str(error)):
        return errno.ENOSPC
    return None


def run_stage(stage: Callable[[], None]) -> None:
    """Run `stage()`; turn a `UserError` or a machine's failure into one line and exit status 1.

    Anything else is a defect of this project and keeps its traceback.
    """
    try:
        stage()
    except UserError as error:
        sys.exit(f"error: {one_line(error)}")
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if line := machine_failure(error):
            sys.exit(f"error: {line}")
        raise
