"""Heads, a module each with one `HEAD`: what runs on a kind of examples need. Found by name."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from essential_sparsity.support import extensions

if TYPE_CHECKING:
    from essential_sparsity.runs.heads.head import Head
    from essential_sparsity.runs.procedures.fine_tuning.spec import RecipeSpec
    from essential_sparsity.tasks.manifest import TaskData

extensions.join(__path__, "heads")


def module_of(kind: str) -> str:
    """Return the module of the head for a kind of examples, to be imported only where it is run."""
    return f"{__name__}.{kind.replace('-', '_')}"


def open_head(task: "TaskData", checkpoint: Path, recipe: "RecipeSpec") -> "Head":
    """Return the head for a task's kind of examples, ready for a run."""
    head: Head = import_module(module_of(task.kind)).HEAD(task, checkpoint, recipe)
    return head
