"""Procedures: what is done with a masked model. A file or a folder each, found by its name.

It has `RECIPE`, the recipe's class, which needs no torch, and `run`, which makes a `Job` an
`Outcome`; in a folder they lie in `spec.py` and `run.py`. A recipe names its procedure.
"""

import pkgutil
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from essential_sparsity.support import extensions

if TYPE_CHECKING:
    from essential_sparsity.runs.job import Job, Outcome
    from essential_sparsity.runs.procedures.fine_tuning.spec import RecipeSpec

extensions.join(__path__, "procedures")

DEFAULT = "fine-tuning"


def code_of(procedure: str) -> tuple[str, ...]:
    """Return the modules of a procedure: that of its recipe first, that of its run last."""
    module = f"{__name__}.{procedure.replace('-', '_')}"
    folders = {found.name for found in pkgutil.iter_modules(__path__) if found.ispkg}
    is_folder = module.rpartition(".")[2] in folders
    return (f"{module}.spec", f"{module}.run") if is_folder else (module,)


@cache
def known_recipes() -> dict[str, type["RecipeSpec"]]:
    """Return procedure → class of its recipes, by name."""
    names = [module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__)]
    return {name: import_module(code_of(name)[0]).RECIPE for name in names}


def open_procedure(procedure: str) -> "Callable[[Job], Outcome]":
    """Return what makes a job an outcome; torch takes seconds to import."""
    run: Callable[[Job], Outcome] = import_module(code_of(procedure)[-1]).run
    return run
