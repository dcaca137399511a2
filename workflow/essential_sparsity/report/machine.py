"""The machine that this process runs on, in words that name nobody."""

import contextlib
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from essential_sparsity.support.files import available_cores

_CPUINFO = Path("/proc/cpuinfo")


def describe_machine() -> dict[str, Any]:
    """Return `system`, `cpu`, `cores`, `memory_gib` and `gpus`; None for what nothing tells."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu(),
        "cores": available_cores(),
        "memory_gib": _memory(),
        "gpus": _gpus(),
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


def _gpus() -> list[str]:
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return found.stdout.splitlines() if found.returncode == 0 else []
