"""The places of a bundle's files: an allow list, as for checkpoints.

A bundle brings data. Files that Snakemake, make, git or Python would run have no place in it, nor
have results of other studies, which those studies would take for their own.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from essential_sparsity.support.errors import UserError
from essential_sparsity.support.spec import is_name

# Below these a bundle keeps what lies in the results folder, and what lies in the project.
RESULTS = "results"
PROJECT = "project"

# Folders of the project whose YAML is more than data: Snakemake evaluates that of a profile.
_CODE = {"benchmarks", "envs", "profiles", "rules", "simulations", "tests", "workflow"}
_CATALOG = {"models", "tasks", "claims"}
_MASK = re.compile(r"masks/[^/]+/[^/]+\.(safetensors|json)|checkpoints/[^/]+/checkpoint\.json")


def places_of(
    names: Iterable[str], study: str, study_file: str, root: Path, results: Path, bundle: Path
) -> dict[str, Path]:
    """Return name in the bundle → its place on this machine.

    Args:
        names: of the bundle's files.
        study: the name of the study.
        study_file: its file, relative to the project.
        root: the project's folder.
        results: the folder of the results.
        bundle: the bundle, for errors.

    Raises:
        UserError: a name leads out of these folders, or is not one that a bundle may hold; or
            two names are one on some file systems.
    """
    found: dict[str, Path] = {}
    folded: set[str] = set()
    for name in names:
        if not _is_allowed(name, study, study_file):
            raise UserError(f"{bundle}: {name!r}: no place for a file of a bundle")
        folder, _, below = name.partition("/")
        base = {RESULTS: results, PROJECT: root}[folder]
        place = base / below
        if not place.resolve().is_relative_to(base.resolve()):
            raise UserError(f"{bundle}: {name!r}: leads out of {base} by a link there")
        found[name] = place
        folded.add(name.casefold())
    if len(folded) < len(found) or any(p in folded for n in folded for p in _above(n)):
        raise UserError(f"{bundle}: two of its files have one place")
    return found


def _is_allowed(name: str, study: str, study_file: str) -> bool:
    folder, _, below = name.partition("/")
    parts = below.split("/")
    plain = name.isprintable() and "\\" not in name and ":" not in name
    if not plain or any(not part or part.startswith(".") for part in parts):
        return False
    if folder == RESULTS:
        own = parts[:2] == ["studies", study] and len(parts) > 2
        return own or _MASK.fullmatch(below) is not None
    return folder == PROJECT and is_project_data(below, study_file)


def is_project_data(file: str, study_file: str) -> bool:
    """Tell whether a file, relative to the project, is the study's or an entry of a catalog."""
    path = Path(file)
    if path.suffix not in (".yaml", ".yml") or path.parts[0].casefold() in _CODE:
        return False
    return file == study_file or (path.parent.name in _CATALOG and is_name(path.stem))


def _above(name: str) -> list[str]:
    """Return the folders that a file lies in."""
    parts = name.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]
