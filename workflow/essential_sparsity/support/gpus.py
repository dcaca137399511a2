"""The GPUs of this machine, and those that a job has to itself, or shares with as many as agree.

Jobs that run side by side on a workstation lock the GPUs that they use, in a file for each GPU: the
whole file, or a range of it as long as their share. The locks are the operating system's and end
with the job, however it ends. Where a scheduler gives a job its GPUs, by `CUDA_VISIBLE_DEVICES`,
they are the ones to choose from.
"""

import argparse
import contextlib
import fcntl
import math
import os
import re
import stat
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TextIO

from essential_sparsity.support.errors import UserError

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_held: list[TextIO] = []

# Bytes of a GPU's lock file, of which a share locks its part: up to tenths, they come out even.
_PARTS = 5040
_WHOLE = Fraction(1)


def visible_gpus() -> list[str]:
    """Return the GPUs that this process may use, by `CUDA_VISIBLE_DEVICES`, without using CUDA."""
    chosen = os.environ.get(_VISIBLE)
    if chosen is None:
        return list(_installed())
    names = [name.strip() for name in chosen.split(",")]
    # As in CUDA, the first name that is none ends the list.
    end = next((at for at, name in enumerate(names) if name in ("", "-1")), len(names))
    return names[:end]


def add_share(parser: argparse.ArgumentParser) -> None:
    """Add the argument that says how much of its GPU a job takes."""
    parser.add_argument(
        "--gpu-share",
        type=_share,
        default=_WHOLE,
        metavar="N/M",
        help="how much of its GPU, which others may share; several GPUs are taken whole (1)",
    )


def _share(text: str) -> Fraction:
    with contextlib.suppress(ValueError, ZeroDivisionError):
        if 0 < (share := Fraction(text)) <= 1:
            return share
    raise UserError(f"gpu-share: {text}; a part of one GPU is needed, such as 1/4")


def reserve(count: int | None = None, share: Fraction = _WHOLE) -> list[str]:
    """Lock GPUs for this process's lifetime and hide the others; wait until that many are free.

    To be called before torch is imported, once in a process. `count` None asks for one if there is
    any; of several, each is taken whole, whatever `share` says. Returns their names.
    """
    gpus = visible_gpus()
    count = min(1, len(gpus)) if count is None else count
    if count > len(gpus):
        seen = ", ".join(gpus) or "none"
        raise UserError(f"gpu: {count} asked for, visible on {os.uname().nodename}: {seen}")
    parts = _PARTS if count > 1 else math.ceil(_PARTS * share)
    wanted = count if parts == _PARTS else f"{share} of one"
    taken = _lock_some(gpus, count, parts)
    if len(taken) < count:
        print(f"waiting for {wanted} of {len(gpus)} GPUs to be free", file=sys.stderr, flush=True)
    while len(taken) < count:
        time.sleep(1)
        taken = _lock_some(gpus, count, parts)
    os.environ[_VISIBLE] = ",".join(taken)
    return taken


def _lock_some(gpus: list[str], count: int, parts: int) -> list[str]:
    """Lock parts of `count` GPUs, or none at all, so that no two jobs each wait for the other's.

    GPUs that nobody uses come first: the first range of each, then the second of each.
    """
    names = {_identity(gpu): gpu for gpu in reversed(gpus)}
    # Closing a file would end this process's locks on all of it: each is opened once.
    files = {gpu: (_folder() / f"gpu-{gpu}.lock").open("a", encoding="utf-8") for gpu in names}
    taken: list[str] = []
    for start in range(0, _PARTS - parts + 1, parts):
        for gpu in reversed(names):
            if len(taken) < count and gpu not in taken and _lock(files[gpu], parts, start):
                taken.append(gpu)
    if len(taken) < count:
        taken = []
    _held.extend(files.pop(gpu) for gpu in taken)
    for file in files.values():
        file.close()
    return [names[gpu] for gpu in taken]


def _lock(file: TextIO, length: int, start: int) -> bool:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, length, start)
    except BlockingIOError:
        return False
    return True


def _folder() -> Path:
    """Return a folder of this user's that all of their processes on this machine agree on.

    Whoever had put something in its place would decide what is locked.
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
