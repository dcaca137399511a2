"""Kinds of examples, a module each: how raw columns become what a model is fed with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa

from essential_sparsity.tasks.source import Source
from essential_sparsity.tasks.spec import TaskDataSpec


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


# (raw examples, what is asked, a checkpoint's folder, where further files may be written)
Build = Callable[[Source, TaskDataSpec, Path, Path], Built]


def module_of(kind: str) -> str:
    """Return the module of a kind of examples, to be imported only where that kind is built."""
    return f"{__name__}.{kind.replace('-', '_')}"


def builder(kind: str) -> Build:
    """Return the function that makes examples of `kind` ready."""
    build: Build = import_module(module_of(kind)).build
    return build
