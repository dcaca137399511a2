"""Raw examples: columns of two splits, before any tokenizer has seen them, and where they are from.

A source's module is named here and imported only where its kind is loaded: a task without a hub
need not wait for the hub's clients, and its data owe nothing to the other sources' code.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from essential_sparsity.support.errors import UserError

if TYPE_CHECKING:
    from essential_sparsity.tasks.spec import TaskDataSpec

SPLITS = ("train", "evaluation")

# The `kind` of a task's data -> the module that loads it.
SOURCES: dict[str, str] = {
    "hub": "essential_sparsity.tasks.hub",
    "python-docs": "essential_sparsity.tasks.python_docs",
    "digits": "essential_sparsity.tasks.digits",
    "files": "essential_sparsity.tasks.local_files",
}


@dataclass(frozen=True)
class Source:
    """The raw examples of a task.

    Attributes:
        splits: `train` and `evaluation`, each with the columns of texts or images, the column of
            labels (numbers or names of classes) and a column `id` of stable names, unique over
            both.
        classes: by column of labels, the classes' names in the order of their numbers, as far as
            the source declares them.
        origin: what identifies the data (revision, hashes, versions), for the manifest.
    """

    splits: dict[str, pa.Table]
    classes: dict[str, tuple[str, ...]]
    origin: dict[str, Any]


def load_source(spec: "TaskDataSpec", pins: Path | None = None) -> Source:
    """Return the raw examples of a task, without those that it sets aside, chosen by hash.

    Where the task is scored on them, they are the evaluation split. `pins` is the lock file of what
    hubs served first.
    """
    module = import_module(SOURCES[spec.data.kind])
    more = [pins] if spec.data.kind == "hub" else []
    source: Source = module.load(spec.data, *more)
    if spec.hold_out is None:
        if spec.score_on == "held-out":
            raise UserError("score_on: 'held-out' needs hold_out, the examples to set aside")
        return source
    train = source.splits["train"]
    wanted = spec.hold_out * train.num_rows if spec.hold_out < 1 else spec.hold_out
    count = round(wanted)
    if not 0 < count < train.num_rows:
        raise UserError(
            f"hold_out: {spec.hold_out:g} sets aside {count} of {train.num_rows} training examples;"
            " at least one has to be, and at least one has to be left"
        )
    aside = lowest_hashes(train.column("id").to_pylist(), count, purpose="hold-out ")
    kept = sorted(set(range(train.num_rows)) - set(aside))
    splits = {**source.splits, "train": train.take(kept)}
    if spec.score_on == "held-out":
        splits["evaluation"] = train.take(aside)
    return replace(source, splits=splits)


def with_ids(table: pa.Table, split: str, own: bool) -> pa.Table:
    """Return a split with ids from its column `id`, if it has `own`, else from row numbers."""
    names: Sequence[object] = range(table.num_rows)
    if "id" in table.column_names:
        names = table.column("id").to_pylist() if own else names
        table = table.drop_columns("id")
    ids = pa.array([f"{split}/{name}" for name in names], pa.string())
    return table.append_column("id", ids)


def lowest_hashes(names: Sequence[str], count: int, purpose: str = "") -> list[int]:
    """Return the positions, ascending, of the `count` names whose hashes are least.

    Adding names moves few of the others in or out. Another `purpose` is another choice.
    """

    def rank(position: int) -> bytes:
        return hashlib.blake2b((purpose + names[position]).encode(), digest_size=8).digest()

    return sorted(sorted(range(len(names)), key=rank)[:count])
