"""Extensions: folders of somebody's own, beside a study file, whose modules join the registries.

`extensions: [mine]` in a study file adds `mine/criteria/NAME.py`, `mine/architectures/NAME.py` and
so on to what the project ships. A module there belongs to the same package as the shipped ones, so
it is found, imported and fingerprinted like them. Jobs learn of the folders by an environment
variable.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from essential_sparsity.support.errors import UserError
from essential_sparsity.support.files import sha256_of

VARIABLE = "ESSENTIAL_SPARSITY_EXTENSIONS"

# Folder of an extension → the package whose registry finds what lies there.
REGISTRIES = {
    "architectures": "essential_sparsity.architectures",
    "criteria": "essential_sparsity.masks.criteria",
    "figures": "essential_sparsity.figures",
    "heads": "essential_sparsity.runs.heads",
    "kinds": "essential_sparsity.tasks.kinds",
    "metrics": "essential_sparsity.metrics",
    "procedures": "essential_sparsity.runs.procedures",
}


def folders() -> list[Path]:
    """Return the extensions of this process."""
    return [Path(folder) for folder in os.environ.get(VARIABLE, "").split(os.pathsep) if folder]


def join(path: list[str], registry: str) -> None:
    """Add the extensions' folders to the `__path__` of a registry, one of `REGISTRIES`."""
    for folder in (extension / registry for extension in folders()):
        for file in sorted(folder.glob("*")):
            for known in path:
                taken = [Path(known, file.name), Path(known, file.stem)]
                if file.stem.isidentifier() and any(map(Path.exists, taken)):
                    raise UserError(f"{file}: '{file.stem}' is the name of another one, in {known}")
        if folder.is_dir():
            path.append(str(folder))


def files() -> list[Path]:
    """Return the extensions' own files of code, in order."""
    return [file for folder in folders() for file in sorted(folder.rglob("*.py"))]


def digests() -> dict[str, str]:
    """Return the extensions' files, as `folder/criteria/NAME.py`, with their SHA-256."""
    return {
        file.relative_to(folder.parent).as_posix(): sha256_of(file)
        for folder in folders()
        for file in sorted(folder.rglob("*.py"))
    }


def locate(module: str) -> Path | None:
    """Return the file of a module that an extension adds; None if there is none."""
    for registry, package in REGISTRIES.items():
        below = module.removeprefix(f"{package}.")
        if below != module:
            for folder in folders():
                base = folder.joinpath(registry, *below.split("."))
                for file in (base / "__init__.py", base.with_suffix(".py")):
                    if file.is_file():
                        return file
    return None


def folders_of(study: object, beside: Path, where: str) -> list[Path]:
    """Return the folders that a study names as its extensions, from where its file lies.

    `study` is what the file `where`, which lies in `beside`, holds.
    """
    names = study.get("extensions", []) if isinstance(study, dict) else []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return []  # The study's own check says what is wrong.
    found = []
    for position, name in enumerate(names):
        folder = (beside / name).resolve()
        if not any((folder / registry).is_dir() for registry in REGISTRIES):
            raise UserError(
                f"{where}: extensions[{position}]: {folder}: no folder with one of "
                f"{', '.join(REGISTRIES)} in it"
            )
        found.append(folder)
    return found


def use(
    study: object, beside: Path, where: str, leaving: Callable[[], None] = lambda: None
) -> None:
    """Let this process, and those that it starts, have a study's extensions (see `folders_of`).

    Registries are filled when they are imported. Where they are already, with other extensions, the
    process starts anew; `leaving` is called before.
    """
    wanted = os.pathsep.join(map(str, folders_of(study, beside, where)))
    if wanted == os.environ.get(VARIABLE, ""):
        return
    os.environ[VARIABLE] = wanted
    if any(package in sys.modules for package in REGISTRIES.values()):
        leaving()
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
