"""A lock on a results folder that a dead process cannot leave behind.

Snakemake guards a folder with lock files, which a killed Snakemake leaves lying, so that somebody
has to unlock by hand. Beside them this project holds a lock of the operating system's, which ends
with its process, however it ends. Whoever gets it knows that Snakemake's files are a dead one's.

Some file systems keep such locks on the machine that took them. So whoever gets it where another
machine was the last to hold it does not know that, and leaves Snakemake's files alone.
"""

import fcntl
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

_held: list[TextIO] = []

# Names the running kernel, to which such locks belong: containers on it have names of their own.
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Holder:
    """The process that holds a folder."""

    owner: str  # process, machine, and since when
    is_near: bool  # this machine sees that it is alive; otherwise only its own can tell

    def describe(self, folder: Path) -> str:
        """Return in one line who holds `folder`, and what to do if it does so no longer."""
        if self.is_near:
            return f"{self.owner} is working in {folder}"
        return (
            f"{self.owner} has locked {folder}; from {os.uname().nodename} nobody can tell "
            "whether it is alive. If it is not, unlock by hand: make study ARGS=--unlock (with "
            "the same STUDY)"
        )


def take(folder: Path, patience: float = 0.0, clear: bool = True) -> Holder | None:
    """Lock `folder`, where Snakemake keeps its records, for this process's lifetime.

    Args:
        folder: the folder.
        patience: seconds to wait for a holder to end (a dry run holds the lock for a moment).
        clear: delete Snakemake's lock files, once this lock is had: they are a dead one's, unless
            this process' own Snakemake has already written them. And wait no longer than until the
            holder's Snakemake has written its own, which then keep this process out.

    Returns:
        None if this process holds the lock now; else who does, and nothing was cleared.
    """
    if _held:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / "owner").open("a+", encoding="utf-8")
    locks = folder / "locks"
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < deadline and not (clear and any(locks.glob("*.lock"))):
                time.sleep(0.05)
                continue
            return _read(file, is_near=True)
        except OSError:
            # No such locks on this file system: Snakemake's own then decide alone.
            file.close()
            return None
        break
    if _is_elsewhere(file) and any(locks.glob("*.lock")):
        return _read(file, is_near=False)
    file.truncate(0)
    since = time.strftime("%Y-%m-%d %H:%M:%S %z")
    host = os.uname().nodename
    file.write(f"process {os.getpid()} on {host} since {since}\n{host}\n{_boot()}\n")
    file.flush()
    _held.append(file)
    if clear:
        shutil.rmtree(locks, ignore_errors=True)
    return None


def release() -> None:
    """Give up what this process holds, so that a process that it starts can have it."""
    while _held:
        _held.pop().close()


def _read(file: TextIO, is_near: bool) -> Holder:
    """Return who wrote `file`, and close it."""
    file.seek(0)
    owner = file.readline().strip()
    file.close()
    return Holder(owner or "another process", is_near)


def _is_elsewhere(file: TextIO) -> bool:
    """Tell whether the one who wrote `file` did so on another machine."""
    file.seek(0)
    _, host, boot, *_ = [*file.read().split("\n"), "", "", ""]
    same_kernel = boot != "" and boot == _boot()
    return host not in ("", os.uname().nodename) and not same_kernel


def _boot() -> str:
    return _BOOT.read_text().strip() if _BOOT.exists() else ""
