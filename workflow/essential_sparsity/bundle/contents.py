"""The files that a bundle of a study holds, and the code that it needs and does not bring."""

import os
import sys
from pathlib import Path

from essential_sparsity.bundle.archive import PROJECT, RESULTS, is_project_data
from essential_sparsity.masks.registry import module_of
from essential_sparsity.stages.figures import SEARCH
from essential_sparsity.stages.masks import MASK
from essential_sparsity.stages.sources import CHECKPOINT
from essential_sparsity.stages.study import (
    CLAIMS,
    PROVENANCE,
    REPORT,
    SUMMARY,
    TIDY,
    all_figures,
    all_tables,
)
from essential_sparsity.study import jobs
from essential_sparsity.study.document import Study
from essential_sparsity.study.resolve import Resolved
from essential_sparsity.support import extensions
from essential_sparsity.support.errors import UserError


def contents_of(study: Resolved, file: Path, root: Path, masks: bool) -> dict[str, Path]:
    """Return what redrawing a study's figures and its report takes, and these themselves.

    With `masks` its masks as well, and the manifests of their checkpoints. The study's file and its
    catalogs must lie in `root`, the project's folder.

    Returns:
        Name in the bundle, with `/`, → file on this machine.
    """
    results = study.results
    needed = [*all_tables(study), *CLAIMS.targets(study)]
    wanted = [
        *(path for stage in (PROVENANCE, SUMMARY, REPORT) for path in stage.targets(study)),
        *(path for place in TIDY.places(study) for path in TIDY.paths(study, place)),
        *all_figures(study),
        *SEARCH.targets(study),
    ]
    if masks:
        # A search may have tried a part of its masks only.
        (wanted if jobs.searches(study) else needed).extend(
            path
            for place in MASK.places(study)
            for stage in (MASK, CHECKPOINT)
            for path in stage.paths(study, place)
        )
    for path in needed:
        if not (results / path).is_file():
            raise UserError(f"{results / path}: no such file; `make study` computes it")
    found = [*needed, *(path for path in wanted if (results / path).is_file())]
    files = {f"{RESULTS}/{path}": results / path for path in dict.fromkeys(found)}
    return files | {f"{PROJECT}/{name}": root / name for name in _project_files(study, file, root)}


def _project_files(study: Resolved, file: Path, root: Path) -> list[str]:
    """Return the study's file and the entries of its own catalogs, relative to the project.

    None may lie outside, be it by a link, or among the project's code.
    """
    base = root.resolve()
    study_file = _relative(file.resolve(), base)
    names = [study_file]
    for catalog in study.study.catalogs:
        for entry in sorted((root / catalog).resolve().rglob("*.yaml")):
            name = _relative(entry, base)
            if is_project_data(name, study_file):
                _relative(entry.resolve(), base)
                names.append(name)
    for extension in study.study.extensions:
        _relative((file.resolve().parent / extension).resolve(), base)
    if not is_project_data(study_file, study_file):
        raise UserError(f"{file}: among the project's code; a bundle takes studies from elsewhere")
    return names


def _relative(file: Path, base: Path) -> str:
    name = Path(os.path.relpath(file, base)).as_posix()
    if name.startswith(".."):
        raise UserError(
            f"{file}: outside {base}: a bundle takes a study, catalogs and extensions of the "
            "project alone"
        )
    return name


# The criteria that this version ships.
SHIPPED = frozenset(
    {"magnitude", "dense", "gradual", "imported", "noisy-magnitude", "random", "ticket"}
)

_ROOT = Path(__file__).parents[3]


def own_criteria(study: Study) -> dict[str, str]:
    """Return criterion → file, relative to the project, of those not shipped with this version.

    Those of extensions are left out: these are sent along as folders.
    """
    used = {grid.criterion for experiment in study.experiments for grid in experiment.masks}
    modules = {name: module_of(name) for name in sorted(used - SHIPPED)}
    return {n: _file_of(m) for n, m in modules.items() if extensions.locate(m) is None}


def _file_of(module: str) -> str:
    """Return the file of a module that is imported; the folder, where the module is one."""
    file = Path(str(sys.modules[module].__file__))
    file = file.parent if file.name == "__init__.py" else file
    return (file.relative_to(_ROOT) if file.is_relative_to(_ROOT) else file).as_posix()
