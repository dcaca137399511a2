"""The rows that figures are drawn from: an element a row, picked, grouped and named."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Tables = Mapping[str, pa.Table]
Row = dict[str, Any]


def where(rows: Iterable[Row], **values: object) -> list[Row]:
    """Return the rows that have all these values."""
    return [row for row in rows if all(row[key] == value for key, value in values.items())]


def names_of(rows: Iterable[Row], key: str) -> list[Any]:
    """Return the different values of `key`, in the order of their first appearance."""
    return list(dict.fromkeys(row[key] for row in rows))


def grouped(rows: Iterable[Row], *keys: str) -> Iterator[tuple[Row, list[Row]]]:
    """Yield (the values of `keys`, the rows that have them), in the order of first appearance."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    for values, members in groups.items():
        yield dict(zip(keys, values, strict=True)), members


def pick(row: Row, *keys: str) -> Row:
    """Return the row with just these keys."""
    return {key: row[key] for key in keys}


def numbers(rows: Iterable[Row], key: str) -> npt.NDArray[np.float64]:
    """Return the values of `key`; one that is not there is NaN."""
    return np.array([row[key] for row in rows], dtype=np.float64)


def known(*numbers: float | None) -> bool:
    """Tell whether all of `numbers` are there and finite."""
    return all(number is not None and np.isfinite(number) for number in numbers)
