"""The registry of criteria: every module of `masks/criteria/` that defines one.

To add a criterion, add its module; nothing else names it. See `docs/extending.md`.
"""

import pkgutil
from functools import cache
from importlib import import_module

from essential_sparsity.masks import criteria
from essential_sparsity.masks.criterion import Criterion
from essential_sparsity.masks.mask import Header
from essential_sparsity.masks.spec import MaskLabel
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.validation import unknown


@cache
def known_criteria() -> dict[str, type[Criterion]]:
    """Return name → class of every criterion, `magnitude` first, then by name."""
    found: dict[str, type[Criterion]] = {}
    for module in pkgutil.iter_modules(criteria.__path__):
        name = f"{criteria.__name__}.{module.name}"
        classes = [
            value
            for value in vars(import_module(name)).values()
            if isinstance(value, type) and issubclass(value, Criterion) and value.__module__ == name
        ]
        if not classes:
            raise TypeError(f"{name}: defines no Criterion or Ranking")
        for kind in classes:
            criterion = kind.model_fields["criterion"].default
            if not isinstance(criterion, str) or criterion in found:
                raise TypeError(f"{name}: 'criterion' needs a default of its own")
            found[criterion] = kind
    return dict(sorted(found.items(), key=lambda item: (item[0] != "magnitude", item[0])))


def module_of(criterion: str) -> str:
    """Return the module that defines a criterion: what its masks owe to code starts there."""
    return known_criteria()[criterion].__module__


def check_mask(document: object, where: str) -> Criterion:
    """Validate plain data as the spec of the criterion that it names."""
    name = document.get("criterion") if isinstance(document, dict) else None
    if name not in known_criteria():
        raise UserError(unknown(where, "criterion", name, known_criteria(), "criterion"))
    return known_criteria()[str(name)].check(document, where)


def label_of(header: Header) -> MaskLabel:
    """Return what tables say of the mask with this header.

    A sparsity that nobody asked for, as of an imported mask, is the one that was counted.
    """
    return _as_made(_spec_of(header).label(), header).model_copy(update={"name": header.name})


def labels_of(header: Header, task: str, recipe: str, seed: int | None) -> list[MaskLabel]:
    """Return the labels that a mask may have for a run: its own, then others.

    The others are of the masks that are found on each run's own task or with its seed, where this
    is such a mask for this run (see `MaskSpec.labels`).
    """
    _, *others = _spec_of(header).labels(task, recipe, seed)
    return [label_of(header), *(_as_made(label, header) for label in others)]


def _spec_of(header: Header) -> Criterion:
    return check_mask(header.spec, f"mask '{header.name}': spec")


def _as_made(label: MaskLabel, header: Header) -> MaskLabel:
    sparsity = header.sparsity if label.sparsity is None else label.sparsity
    return label.model_copy(update={"sparsity": sparsity})
