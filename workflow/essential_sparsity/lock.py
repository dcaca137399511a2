"""Who works in a results folder: a lock that a dead process cannot leave behind.

Snakemake guards a folder with lock files, which a killed Snakemake leaves lying, so that somebody
has to unlock by hand. Beside them this project holds a lock of the operating system's, which ends
with its process, however it ends. Whoever gets it knows that Snakemake's files are a dead one's.
"""

import fcntl
import os
import shutil
from pathlib import Path
from typing import TextIO

from essential_sparsity.errors import UserError

_held: list[TextIO] = []


def hold(folder: Path) -> None:
    """Lock `folder` for this process's lifetime, and clear the locks of a dead Snakemake.

    Raises:
        UserError: a living process holds the lock; its number is named.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / "owner").open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        owner = file.read().strip() or "unknown"
        file.close()
        raise UserError(
            f"{folder.resolve().parent}: process {owner} is working in this folder; wait until it "
            "has finished, or end it"
        ) from None
    except OSError:
        # No such locks on this file system: Snakemake's own then decide alone.
        file.close()
        return
    file.truncate(0)
    file.write(f"{os.getpid()} on {os.uname().nodename}\n")
    file.flush()
    _held.append(file)
    shutil.rmtree(folder / "locks", ignore_errors=True)
