"""Texts and class numbers of a split, checked against what the task declares."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.types as pat

from essential_sparsity.errors import UserError
from essential_sparsity.tasks.source import Source
from essential_sparsity.tasks.spec import TaskDataSpec
from essential_sparsity.validation import unknown


@dataclass(frozen=True)
class Examples:
    """A split's examples, row by row: stable names, one list a text field, class numbers."""

    ids: list[str]
    texts: tuple[list[str], ...]
    labels: npt.NDArray[np.int64]


def examples_of(source: Source, split: str, spec: TaskDataSpec) -> Examples:
    """Return the examples of `split`.

    Raises:
        UserError: a column is missing or holds no text, the split is empty, or a label is hidden
            (-1), missing, or none of the declared ones.
    """
    table = source.splits[split]
    where = f"{split} split"
    if table.num_rows == 0:
        raise UserError(f"{where}: holds no examples")
    texts = tuple(_texts(table, field, where) for field in spec.fields)
    labels = _labels(_column(table, "label", spec.label, where), spec.labels, where)
    return Examples(table.column("id").to_pylist(), texts, labels)


def check_classes(source: Source, spec: TaskDataSpec) -> None:
    """Check the declared labels against the names that the data themselves declare.

    Raises:
        UserError: another number of classes, or the same names in another order.
    """
    labels, names = spec.labels, source.classes.get(spec.label)
    if names is None:
        return
    if len(names) != len(labels):
        raise UserError(
            f"labels: {len(labels)} are declared ({', '.join(labels)}), but the data have"
            f" {len(names)} ({', '.join(names)})"
        )
    if set(names) == set(labels) and names != labels:
        raise UserError(
            f"labels: {', '.join(labels)} are in another order than in the data, where a label's"
            f" number means: {', '.join(names)}"
        )


def _column(table: pa.Table, key: str, name: str, where: str) -> pa.ChunkedArray:
    if name not in table.column_names:
        raise UserError(unknown(where, key, name, set(table.column_names) - {"id"}, "column"))
    return table.column(name)


def _texts(table: pa.Table, field: str, where: str) -> list[str]:
    column = _column(table, "fields", field, where)
    if not (pat.is_string(column.type) or pat.is_large_string(column.type)):
        raise UserError(f"{where}: fields: column '{field}' holds {column.type}, not text")
    if column.null_count:
        row = column.to_pylist().index(None)
        raise UserError(f"{where}: fields: column '{field}' has no text in row {row}")
    texts: list[str] = column.to_pylist()
    return texts


def _labels(column: pa.ChunkedArray, labels: tuple[str, ...], where: str) -> npt.NDArray[np.int64]:
    """Return class numbers, from numbers or from names."""
    values = column.to_pylist()
    if pat.is_integer(column.type):
        known: dict[object, int] = {number: number for number in range(len(labels))}
        allowed = f"0 to {len(labels) - 1} ({', '.join(labels)})"
    else:
        known = {name: number for number, name in enumerate(labels)}
        allowed = ", ".join(labels)
    numbers = [known.get(value, -1) for value in values]
    if -1 in numbers:
        row = numbers.index(-1)
        hint = "; -1 marks hidden labels: take a split whose labels are public"
        raise UserError(
            f"{where}: label {values[row]!r} in row {row} is none of the declared ones: {allowed}"
            f"{hint if values[row] == -1 else ''}"
        )
    return np.array(numbers, dtype=np.int64)
