"""Passes over a checkpoint: row by row in matrix order, on several threads, in little memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from essential_sparsity.checkpoints.manifest import Matrix
from essential_sparsity.masks.keys import Keys, ReadKeys
from essential_sparsity.support.files import available_cores

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

# Returns the reader of a matrix's rows.
Open = Callable[[Matrix], ReadKeys]
# Called with the number of weights that have just been passed over.
Progress = Callable[[int], None]


_CHUNK = 1 << 19  # weights: a chunk's keys and bits stay near a core
_OPENED = 2  # matrices at a time: each may hold scores of all its weights


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows of one matrix; `index` is the matrix's place in the order."""

    index: int
    matrix: Matrix
    start: int
    stop: int
    read_keys: ReadKeys

    def keys(self) -> Keys:
        """Return the rows' keys, (rows, columns)."""
        return self.read_keys(self.start, self.stop)

    @property
    def is_last(self) -> bool:
        """Tell whether the matrix ends here."""
        return self.stop == self.matrix.shape[0]


def chunks(open_: Open, matrices: Sequence[Matrix], threads: int | None = None) -> Iterator[Chunk]:
    """Yield the matrices' rows in order.

    All chunks of a matrix but the last have a multiple of eight rows, so that their bits fill whole
    bytes. With several threads, the matrices that follow are opened ahead: their scores may have to
    be computed.
    """
    threads = min(threads or available_cores(), _OPENED)
    opened = ordered_map(open_, matrices, threads, ahead=_OPENED - 1)
    for index, (matrix, read) in enumerate(zip(matrices, opened, strict=True)):
        rows, columns = matrix.shape
        step = max(8, _CHUNK // columns // 8 * 8)
        for start in range(0, rows, step):
            yield Chunk(index, matrix, start, min(start + step, rows), read)


def scan(
    open_: Open,
    matrices: Sequence[Matrix],
    look: Callable[[Chunk], _Result],
    threads: int | None = None,
    progress: Progress | None = None,
) -> Iterator[tuple[Chunk, _Result]]:
    """Yield (chunk, `look(chunk)`) for every chunk, in order; `look` works on several threads."""

    def work(chunk: Chunk) -> tuple[Chunk, _Result]:
        return chunk, look(chunk)

    for chunk, found in ordered_map(work, chunks(open_, matrices, threads), threads):
        yield chunk, found
        if progress:
            progress((chunk.stop - chunk.start) * chunk.matrix.shape[1])


def ordered_map(
    function: Callable[[_Item], _Result],
    items: Iterable[_Item],
    threads: int | None = None,
    ahead: int | None = None,
) -> Iterator[_Result]:
    """Yield `function(item)` for every item, in order, on `threads` threads (all cores if None).

    Unlike an executor's own `map`, only `ahead` items are taken beyond the one that is waited for
    (two a thread if None): neither items nor results pile up.
    """
    threads = threads or available_cores()
    ahead = 2 * threads if ahead is None else ahead
    _keep_freed_memory()
    if threads == 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        window: deque[Future[_Result]] = deque()
        try:
            for item in items:
                window.append(pool.submit(function, item))
                if len(window) > ahead:
                    yield window.popleft().result()
            while window:
                yield window.popleft().result()
        finally:
            for future in window:
                future.cancel()


def _keep_freed_memory() -> None:
    """Make the C library reuse the memory of chunks, where it has the habit of glibc.

    glibc hands freed blocks back to the system, to be zeroed and mapped anew for every chunk, until
    a block as large as this one has been freed.
    """
    np.empty(1 << 24, np.uint8)
