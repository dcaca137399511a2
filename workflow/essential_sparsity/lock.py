"""Who works in a results folder: a lock that a dead process cannot leave behind.

Snakemake guards a folder with lock files, which a killed Snakemake leaves lying, so that somebody
has to unlock by hand. Beside them this project holds a lock of the operating system's, which ends
with its process, however it ends. Whoever gets it knows that Snakemake's files are a dead one's.
"""

import fcntl
import os
import shutil
import time
from pathlib import Path
from typing import TextIO

_held: list[TextIO] = []


def hold(folder: Path, patience: float = 0.0, clear: bool = True) -> str | None:
    """Lock `folder` for this process's lifetime.

    Args:
        folder: where Snakemake keeps its records.
        patience: seconds to wait for a holder to end (a dry run holds the lock for a moment).
        clear: delete Snakemake's lock files, once this lock is had: they are a dead one's, unless
            this process' own Snakemake has already written them.

    Returns:
        None if this process holds the lock now; else who does, and nothing was cleared.
    """
    if _held:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / "owner").open("a+", encoding="utf-8")
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            file.seek(0)
            owner = file.read().strip()
            file.close()
            return owner or "another process"
        except OSError:
            # No such locks on this file system: Snakemake's own then decide alone.
            file.close()
            return None
        break
    file.truncate(0)
    file.write(f"process {os.getpid()} on {os.uname().nodename}\n")
    file.flush()
    _held.append(file)
    if clear:
        shutil.rmtree(folder / "locks", ignore_errors=True)
    return None


def release() -> None:
    """Give up what this process holds, so that a process that it starts can have it."""
    while _held:
        _held.pop().close()
