"""Kinds of examples: how raw columns become what a model is fed with. A module each in `kinds/`.

To add a kind, add its module; nothing else names it. See `docs/extending.md`.
"""

import pkgutil
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pyarrow as pa
from pydantic import Field

from essential_sparsity.support.spec import Spec
from essential_sparsity.tasks import kinds
from essential_sparsity.tasks.source import Source

Fields = Annotated[
    tuple[str, ...],
    Field(min_length=1, max_length=2, description="the column, or the two columns, of text"),
]
Labels = Annotated[
    tuple[str, ...] | None,
    Field(min_length=2, description="the classes' names, in index order; else the data's own"),
]


@dataclass(frozen=True)
class Built:
    """A task's data, made ready.

    Attributes:
        tables: the two splits, each with a column `id` of unique names, `label`, and what the model
            is fed with.
        preprocessor_sha256: digest of what made the examples ready (tokenizer, image processor).
        labels: the classes' names, empty where there are none.
        facts: further keys of the manifest.
    """

    tables: dict[str, pa.Table]
    preprocessor_sha256: str
    labels: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)


class Examples(Spec):
    """What an example is: the keys of a task's `examples`, one kind each.

    Attributes:
        preprocessing: the keys of a recipe that decide how an example is made ready: of
            `max_length`, `stride` and `image_size`.
        reads: what metrics read of its predictions: that of the metrics which fit.
        kind: its name, that of its module with hyphens.
    """

    preprocessing: ClassVar[tuple[str, ...]]
    reads: ClassVar[str]

    kind: str

    @abstractmethod
    def build(
        self, source: Source, sizes: Mapping[str, Any], checkpoint: Path, folder: Path
    ) -> Built:
        """Make the raw examples ready, once for every run.

        Libraries that take seconds to import are imported here: the workflow reads the module.

        Args:
            source: the raw examples; a column that is missing or holds something else is a
                `UserError`, and so is a checkpoint that does not do.
            sizes: `preprocessing` with the recipe's values.
            checkpoint: a folder with a tokenizer or an image processor.
            folder: where further files may be written.
        """


def module_of(kind: str) -> str:
    """Return the module of a kind of examples: what its data owe to code starts there."""
    return f"{kinds.__name__}.{kind.replace('-', '_')}"


@cache
def known_kinds() -> dict[str, type[Examples]]:
    """Return name → class of every kind, by name."""
    found: dict[str, type[Examples]] = {}
    for module in pkgutil.iter_modules(kinds.__path__):
        name = module.name.replace("_", "-")
        kind = getattr(import_module(module_of(name)), "EXAMPLES", None)
        if kind is None or kind.model_fields["kind"].annotation.__args__ != (name,):
            raise TypeError(f"{module_of(name)}: its EXAMPLES need kind: Literal['{name}']")
        found[name] = kind
    return found
