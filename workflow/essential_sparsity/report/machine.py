"""The machine that this process runs on, in words that name nobody, and the commit of the code."""

import contextlib
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from essential_sparsity.support.files import available_cores

_CPUINFO = Path("/proc/cpuinfo")
_GPUS = ("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")

# What results depend on: a study file or a lock file beside it changes no code.
_CODE = ("Snakefile", "rules", "workflow", "catalog", "requirements.lock")


def describe_machine() -> dict[str, Any]:
    """Return `system`, `cpu`, `cores`, `memory_gib` and `gpus`; None for what nothing tells."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu(),
        "cores": available_cores(),
        "memory_gib": _memory(),
        "gpus": (_output(*_GPUS) or "").splitlines(),
    }


def _cpu() -> str | None:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        for line in _CPUINFO.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return " ".join(value.split())
    return platform.processor() or None


def _memory() -> float | None:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None
    return round(size / 2**30, 1)


def describe_commit(root: Path) -> dict[str, Any]:
    """Return `commit` of the clone at `root`, and whether its code is `clean`; None if not known.

    Clean is a tree whose code and catalog are those of the commit.
    """
    top = _git(root, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != root.resolve():
        return {"commit": None, "clean": None}
    commit = _git(root, "rev-parse", "HEAD")
    changes = _git(root, "status", "--porcelain", "--", *_CODE)
    clean = None if commit is None or changes is None else not changes
    return {"commit": commit, "clean": clean}


def _git(root: Path, *arguments: str) -> str | None:
    # No optional locks: somebody may be at work with git in this clone.
    return _output("git", "--no-optional-locks", "-C", str(root), *arguments)


def _output(*command: str) -> str | None:
    """Return what a program prints; None if it is not there, fails, or does not answer."""
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() if found.returncode == 0 else None
