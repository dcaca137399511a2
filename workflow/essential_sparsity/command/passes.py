"""Progress of work that passes over a checkpoint several times: a bar for each pass."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from essential_sparsity.support.progress import weights_bar


@contextmanager
def pass_bars(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show bars of `total` weights, one after another; yield what takes the numbers done."""
    with ExitStack() as stack:
        passed, done = 0, 0
        bar: Callable[[int], None] | None = None

        def advance(count: int) -> None:
            nonlocal passed, done, bar
            if done == 0:
                passed += 1
                bar = stack.enter_context(weights_bar(f"{title}, pass {passed}", total))
            if bar:
                bar(count)
            done += count
            if done >= total:
                stack.close()
                done = 0

        yield advance
