"""The GPUs of this machine, and those that a job has to itself.

Jobs that run side by side on a workstation lock the GPUs that they use, each in a file of its own.
The locks are the operating system's and end with the job, however it ends. Where a scheduler gives
a job its GPUs, by `CUDA_VISIBLE_DEVICES`, they are the ones to choose from.
"""

import contextlib
import fcntl
import os
import re
import stat
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import TextIO

from essential_sparsity.errors import UserError

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_held: list[TextIO] = []


def visible_gpus() -> list[str]:
    """Return the GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them.

    Neither torch nor CUDA is touched.
    """
    chosen = os.environ.get(_VISIBLE)
    if chosen is None:
        return list(_installed())
    names = [name.strip() for name in chosen.split(",")]
    # As in CUDA, the first name that is none ends the list.
    end = next((at for at, name in enumerate(names) if name in ("", "-1")), len(names))
    return names[:end]


def reserve(count: int | None = None) -> list[str]:
    """Lock GPUs for this process's lifetime and hide the others; wait until that many are free.

    To be called before torch is imported.

    Args:
        count: how many; None for one if there is any.

    Returns:
        Their names.

    Raises:
        UserError: fewer are visible.
    """
    gpus = visible_gpus()
    count = min(1, len(gpus)) if count is None else count
    if count > len(gpus):
        seen = ", ".join(gpus) or "none"
        raise UserError(f"gpu: {count} asked for, visible on {os.uname().nodename}: {seen}")
    waiting = False
    while len(taken := _lock_some(gpus, count)) < count:
        if not waiting:
            print(
                f"waiting for {count} of {len(gpus)} GPUs to be free", file=sys.stderr, flush=True
            )
        waiting = True
        time.sleep(1)
    os.environ[_VISIBLE] = ",".join(taken)
    return taken


def _lock_some(gpus: list[str], count: int) -> list[str]:
    """Lock `count` GPUs, or none at all, so that no two jobs each wait for the other's."""
    locks: dict[str, TextIO] = {}
    for gpu in gpus:
        if len(locks) == count:
            break
        file: TextIO = (_folder() / f"gpu-{_identity(gpu)}.lock").open("a", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
        else:
            locks[gpu] = file
    if len(locks) == count:
        _held.extend(locks.values())
        return list(locks)
    for file in locks.values():
        file.close()
    return []


def _folder() -> Path:
    """Return a folder of this user's that all of their processes on this machine agree on.

    Raises:
        UserError: somebody else has put something in its place, and would decide what is locked.
    """
    runtime = Path("/run/user") / str(os.getuid())
    base = runtime if os.access(runtime, os.W_OK) else Path(tempfile.gettempdir())
    folder = base / f"essential-sparsity-{os.getuid()}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise UserError(
            f"{folder}: must be a folder that you own and only you can write to; where it is not "
            "yours to delete, set TMPDIR to a folder of yours"
        )
    return folder


def _identity(gpu: str) -> str:
    """Return the GPU's own identifier, whether it was named by that or by its number."""
    installed = _installed()
    known = gpu.isdecimal() and int(gpu) < len(installed)
    return re.sub(r"[^\w-]", "_", installed[int(gpu)] if known else gpu)


@cache
def _installed() -> tuple[str, ...]:
    """Return the identifiers of this machine's GPUs, in the driver's order."""
    command = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        return ()
    except subprocess.TimeoutExpired:
        found = subprocess.CompletedProcess(command, 1, "nvidia-smi does not answer")
    if found.returncode:
        print(f"note: no GPU is used: {found.stdout.strip()}", file=sys.stderr)
        return ()
    return tuple(found.stdout.split())
