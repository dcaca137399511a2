"""The registry of data sources: the `kind` of a task's data, and the module that loads it.

A module is named here and imported only where its kind is loaded: a task without a hub need not
wait for the hub's clients, and its data owe nothing to the other sources' code.
"""

from importlib import import_module
from pathlib import Path

from essential_sparsity.tasks.source import Source
from essential_sparsity.tasks.spec import Data

SOURCES: dict[str, str] = {
    "hub": "essential_sparsity.tasks.hub",
    "python-docs": "essential_sparsity.tasks.python_docs",
    "digits": "essential_sparsity.tasks.digits",
    "files": "essential_sparsity.tasks.local_files",
}


def load_source(data: Data, pins: Path | None = None) -> Source:
    """Return the raw examples of a task.

    Args:
        data: where they come from.
        pins: the lock file of what hubs served first, see `essential_sparsity.support.pins`.

    Raises:
        UserError: the data cannot be had; see the source's own `load`.
    """
    module = import_module(SOURCES[data.kind])
    source: Source = module.load(data, pins) if data.kind == "hub" else module.load(data)
    return source
