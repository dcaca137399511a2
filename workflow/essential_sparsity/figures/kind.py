"""What a kind of figure says of itself, in the `spec.py` of its folder.

Kept free of heavy imports, because the workflow reads it to build its rules.
"""

from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from pydantic import create_model

from essential_sparsity.support.spec import Spec

# Fields of table specs that follow from the rest of the study.
_FILLED = {"models", "controls", "families", "metrics", "statistics"}


@dataclass(frozen=True)
class FigureKind:
    """One kind of figure.

    Attributes:
        title: what it shows, in a line.
        reads: what its tables are computed from: the experiment's runs, its masks, or its models'
            weights. One that reads `tables` shows a study as a whole, from those of its experiments
            that have these tables.
        tables: the tables behind it.
        spec: what these depend on; those of its fields that the study does not fill are the keys of
            an experiment's `options`.
        computed_by: the module that computes its tables, if not `tables` of its own package.
        measurement: where a model's part of the tables takes a while, the module that computes it,
            once a model, for all studies.
        searchable: whether it can be drawn of sparsities that differ from curve to curve.
        package: of the kind, a folder that is called as the kind is.
        folder: of the package.
    """

    title: str
    reads: Literal["runs", "masks", "weights", "tables"]
    tables: tuple[str, ...]
    spec: type[Spec] = Spec
    computed_by: str = ""
    measurement: str | None = None
    searchable: bool = False
    package: str = ""
    folder: Path = Path()

    @property
    def name(self) -> str:
        """Its name, that of its folder."""
        return self.folder.name

    @property
    def of_study(self) -> bool:
        """Whether it shows a study as a whole, and no experiment."""
        return self.reads == "tables"

    @property
    def options(self) -> type[Spec]:
        """What an experiment may say under `options`: fields of `spec` that nothing else says."""
        fields: dict[str, Any] = {
            name: (field.annotation, field)
            for name, field in self.spec.model_fields.items()
            if name not in _FILLED
        }
        return create_model(self.spec.__name__, __base__=Spec, __doc__=self.spec.__doc__, **fields)

    @property
    def statistics(self) -> str:
        """The module that computes its tables, by `compute`."""
        return self.computed_by or f"{self.package}.tables"

    @property
    def drawing(self) -> str:
        """The module that draws it, by `COLUMNS`, `select` and `draw`."""
        return f"{self.package}.draw"

    @property
    def caption(self) -> Path:
        """The file of what is said below the figure, in reStructuredText."""
        return self.folder / "caption.rst"


def open_kind(package: str) -> FigureKind:
    """Return the kind whose folder is `package`, in dotted form."""
    spec = import_module(f"{package}.spec")
    kind: FigureKind = spec.KIND
    return replace(kind, package=package, folder=Path(str(spec.__file__)).parent)
