"""The registry of architectures: every module of this folder that defines an `ARCHITECTURE`.

To add a family of models, add its module; nothing else names it. See `docs/extending.md`.
"""

import pkgutil
from functools import cache
from importlib import import_module

from essential_sparsity.architectures.architecture import Architecture
from essential_sparsity.support import extensions
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.validation import near_miss

extensions.join(__path__, "architectures")


@cache
def known_architectures() -> dict[str, Architecture]:
    """Return `model_type` → architecture."""
    found: dict[str, Architecture] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name == "architecture":
            continue
        family: Architecture = import_module(f"{__name__}.{module.name}").ARCHITECTURE
        for name in family.model_types:
            if name in found:
                raise TypeError(f"{module.name}: model_type '{name}' is another module's as well")
            found[name] = family
    return dict(sorted(found.items()))


def find_architecture(model_type: object, where: str) -> Architecture:
    """Return the architecture of `model_type`; `where` names the file that states it."""
    known = known_architectures()
    if isinstance(model_type, str) and model_type in known:
        return known[model_type]
    raise UserError(
        f"{where}: model_type: unknown architecture {model_type!r}"
        f"{near_miss(model_type, known)} (known: {', '.join(known)}); to add one, add a file to "
        "essential_sparsity/architectures"
    )


def modules_of(model_type: object) -> list[str]:
    """Return the module that says what an architecture is; none of an unknown one."""
    names = [m.name for m in pkgutil.iter_modules(__path__) if m.name != "architecture"]
    modules = [f"{__name__}.{name}" for name in names]
    return [m for m in modules if model_type in import_module(m).ARCHITECTURE.model_types]


def check_pooler(model_type: str, where: str) -> None:
    """Check that an architecture has a pooler; `where` names the file that states it."""
    known = known_architectures()
    if known[model_type].pooler is None:
        having = ", ".join(name for name, family in known.items() if family.pooler)
        raise UserError(
            f"{where}: model_type: '{model_type}' has no pooler to prune, as "
            f"'prune_pooler: true' in the model's catalog entry asks for (has one: {having})"
        )
