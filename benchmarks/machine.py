"""What a number was measured on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from essential_sparsity.support.files import available_cores

_LIBRARIES = ("numpy", "safetensors", "torch", "transformers")


def describe_machine(scratch: Path) -> str:
    """Return CPU, cores, memory, file system of the scratch folder, and versions: one paragraph."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return (
        f"{_cpu()}, {available_cores()} cores, {memory:.0f} GiB of memory; scratch folder on "
        f"{_file_system(scratch)}; {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {libraries}."
    )


def load() -> float:
    """Return how many processes wanted a core in the last minute, on average."""
    return os.getloadavg()[0]


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _file_system(folder: Path) -> str:
    """Return the type of the file system that the folder is on."""
    folder, kinds = folder.resolve(), {}
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, kind, *_ = line.split(" ")
        if folder.is_relative_to(mount):
            kinds[mount] = kind
    return kinds[max(kinds, key=len)]
