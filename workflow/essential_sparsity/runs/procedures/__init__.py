"""Procedures: what is done with a masked model. A folder each, found by its name.

`spec.py` has the procedure's `SPEC`, which needs no torch; `run.py` its `run`, which makes a `Job`
with that spec an `Outcome`. A spec names its procedure under `procedure`, but for fine-tuning's.
"""

import pkgutil
from collections.abc import Callable
from importlib import import_module
from typing import Any

from essential_sparsity.runs.job import Job, Outcome
from essential_sparsity.support import extensions
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.spec import Spec
from essential_sparsity.support.validation import unknown

extensions.join(__path__, "procedures")

DEFAULT = "fine-tuning"


def name_in(document: object, where: str) -> str:
    """Return the procedure that a spec names.

    Raises:
        UserError: there is no such procedure.
    """
    name = document.get("procedure", DEFAULT) if isinstance(document, dict) else DEFAULT
    known = [module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__)]
    if name not in known:
        raise UserError(unknown(where, "procedure", name, known, "procedure"))
    return str(name)


def code_of(name: str) -> tuple[str, str]:
    """Return the modules of a procedure's spec and of its run."""
    package = f"{__name__}.{name.replace('-', '_')}"
    return f"{package}.spec", f"{package}.run"


def check_spec(document: object, where: str) -> Spec:
    """Validate plain data as the spec of the procedure that it names.

    Raises:
        UserError: with file, key, value and what is allowed.
    """
    module, _ = code_of(name_in(document, where))
    kind: type[Spec] = import_module(module).SPEC
    return kind.check(document, where)


def open_procedure(name: str) -> Callable[[Job[Any]], Outcome]:
    """Return what makes a job an outcome; torch takes seconds to import."""
    _, module = code_of(name)
    run: Callable[[Job[Any]], Outcome] = import_module(module).run
    return run
