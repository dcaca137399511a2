"""Columns of raw examples, checked against what the task declares: texts, classes, numbers."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from essential_sparsity.support.errors import UserError
from essential_sparsity.support.validation import unknown
from essential_sparsity.tasks.source import SPLITS, Source


def column_of(source: Source, split: str, key: str, name: str) -> pa.ChunkedArray:
    """Return a split's column `name`, which the task's `key` asks for."""
    table = source.splits[split]
    where = f"{split} split"
    if table.num_rows == 0:
        raise UserError(f"{where}: holds no examples")
    if name not in table.column_names:
        raise UserError(unknown(where, key, name, set(table.column_names) - {"id"}, "column"))
    return table.column(name)


def texts_of(source: Source, split: str, key: str, name: str) -> list[str]:
    """Return a column of texts, none of them missing."""
    column = column_of(source, split, key, name)
    if not (pat.is_string(column.type) or pat.is_large_string(column.type)):
        raise UserError(f"{split} split: {key}: column '{name}' holds {column.type}, not text")
    if column.null_count:
        row = column.to_pylist().index(None)
        raise UserError(f"{split} split: {key}: column '{name}' has no text in row {row}")
    texts: list[str] = column.to_pylist()
    return texts


def classes_of(
    source: Source, label: str, declared: tuple[str, ...] | None
) -> tuple[tuple[str, ...], dict[str, npt.NDArray[np.int64]]]:
    """Return the classes' names in index order, and the examples' class numbers by split.

    The column `label` holds numbers or names. The names that a task has `declared` are checked
    against the data's own; None takes those.
    """
    labels = _class_names(source.classes.get(label), label, declared)
    return labels, {split: _class_numbers(source, split, label, labels) for split in SPLITS}


def _class_names(
    names: tuple[str, ...] | None, label: str, declared: tuple[str, ...] | None
) -> tuple[str, ...]:
    if declared is None and names is None:
        raise UserError(
            f"labels: the data do not name the classes of column '{label}'; list them in the"
            " task, in the order of their numbers"
        )
    if declared is None or names is None:
        return declared or names or ()
    if len(names) != len(declared):
        raise UserError(
            f"labels: {len(declared)} are declared ({', '.join(declared)}), but the data have"
            f" {len(names)} ({', '.join(names)})"
        )
    if set(names) == set(declared) and names != declared:
        raise UserError(
            f"labels: {', '.join(declared)} are in another order than in the data, where a label's"
            f" number means: {', '.join(names)}"
        )
    return declared


def _class_numbers(
    source: Source, split: str, name: str, labels: tuple[str, ...]
) -> npt.NDArray[np.int64]:
    column = column_of(source, split, "label", name)
    values = column.to_pylist()
    known: dict[object, int] = {label: number for number, label in enumerate(labels)}
    allowed = ", ".join(labels)
    if pat.is_integer(column.type):
        known = {number: number for number in range(len(labels))}
        allowed = f"0 to {len(labels) - 1} ({allowed})"
    numbers = [known.get(value, -1) for value in values]
    if -1 in numbers:
        row = numbers.index(-1)
        hint = "; -1 marks hidden labels: take a split whose labels are public"
        raise UserError(
            f"{split} split: label {values[row]!r} in row {row} is none of the declared ones:"
            f" {allowed}{hint if values[row] == -1 else ''}"
        )
    return np.array(numbers, dtype=np.int64)


def numbers_of(source: Source, split: str, name: str) -> npt.NDArray[np.float64]:
    """Return a column of finite numbers."""
    column = column_of(source, split, "label", name)
    if not (pat.is_floating(column.type) or pat.is_integer(column.type)):
        raise UserError(f"{split} split: label: column '{name}' holds {column.type}, not numbers")
    numbers = pc.fill_null(pc.cast(column, pa.float64()), float("nan")).to_numpy()
    if not np.isfinite(numbers).all():
        row = int(np.flatnonzero(~np.isfinite(numbers))[0])
        raise UserError(f"{split} split: label {numbers[row]} in row {row} is not a finite number")
    return np.array(numbers, dtype=np.float64)
