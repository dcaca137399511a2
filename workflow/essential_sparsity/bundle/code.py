"""The code that a study needs and its bundle does not bring: criteria that are not the project's.

A criterion of somebody's own may be in their git history, so that git cannot tell it from these.
"""

import sys
from pathlib import Path

from essential_sparsity.masks.registry import module_of
from essential_sparsity.study.document import Study

# The criteria that this version ships.
SHIPPED = frozenset(
    {"magnitude", "dense", "gradual", "imported", "noisy-magnitude", "random", "ticket"}
)

_ROOT = Path(__file__).parents[3]


def own_criteria(study: Study) -> dict[str, str]:
    """Return criterion → file, relative to the project, of those not shipped with this version."""
    used = {grid.criterion for experiment in study.experiments for grid in experiment.masks}
    return {name: _file_of(module_of(name)) for name in sorted(used - SHIPPED)}


def _file_of(module: str) -> str:
    """Return the file of a module that is imported; the folder, where the module is one."""
    file = Path(str(sys.modules[module].__file__))
    return (file.parent if file.name == "__init__.py" else file).relative_to(_ROOT).as_posix()
