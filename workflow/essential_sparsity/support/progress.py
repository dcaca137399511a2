"""Progress of long work, shown where somebody watches: a bar on a terminal, nothing in a log."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# A bar that is gone before it can be read is noise.
_WORTH_SHOWING = 300_000_000


@contextmanager
def weights_bar(
    title: str, total: int, passes: bool = False
) -> Iterator[Callable[[int], None] | None]:
    """Show a bar over `total` weights; yield what is to be called with each number done.

    With `passes` it begins anew, and says so, where all weights are passed over again. Yields None
    where nobody watches (stderr is no terminal) or the work is a moment's.
    """
    if total < _WORTH_SHOWING or not sys.stderr.isatty():
        yield None
        return
    # Imported here: most work is over before this would be loaded.
    from tqdm import tqdm

    with tqdm(
        total=total, desc=title, unit=" weights", unit_scale=True, leave=False, dynamic_ncols=True
    ) as bar:
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            if passes and done % total == 0:
                bar.reset()
                bar.set_description(f"{title}, pass {done // total + 1}")
            bar.update(count)
            done += count

        yield advance
