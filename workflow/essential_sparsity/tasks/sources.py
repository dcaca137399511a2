"""The registry of data sources: the `kind` of a task's data, and the function that loads it."""

from collections.abc import Callable
from typing import Any

from essential_sparsity.tasks.source import Source
from essential_sparsity.tasks.spec import Data, HubData, LocalFiles, PythonDocs


def _hub(data: HubData) -> Source:
    # Imported here, because a task without a hub need not wait for the hub's clients.
    from essential_sparsity.tasks import hub

    return hub.load(data)


def _python_docs(data: PythonDocs) -> Source:
    from essential_sparsity.tasks import python_docs

    return python_docs.load(data)


def _files(data: LocalFiles) -> Source:
    from essential_sparsity.tasks import local_files

    return local_files.load(data)


SOURCES: dict[str, Callable[[Any], Source]] = {
    "hub": _hub,
    "python-docs": _python_docs,
    "files": _files,
}


def load_source(data: Data) -> Source:
    """Return the raw examples of a task.

    Raises:
        UserError: the data cannot be had; see the source's own `load`.
    """
    return SOURCES[data.kind](data)
