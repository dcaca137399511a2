"""What subcommands print: masks in words, tables, progress. With `--json`, JSON alone on stdout."""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from essential_sparsity.masks.mask import load_header
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.progress import weights_bar

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-~=+*#"  # from the foot of a line upwards, then by ink


def report(document: dict[str, Any], lines: Sequence[str], as_json: bool) -> None:
    """Print the lines for people, and the document for machines if it is asked for."""
    if lines:
        print("\n".join(lines), file=sys.stderr if as_json else sys.stdout)
    if as_json:
        print(json.dumps(document, indent=1))


@contextmanager
def writable_folder(folder: Path) -> Iterator[None]:
    """Make `folder` before the work, and take it away again if the work fails and leaves it empty.

    Raises:
        UserError: it cannot be made, or nothing can be written into it.
    """
    absent = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "there is a file" if isinstance(error, FileExistsError) else error.strerror
        raise UserError(f"{folder}: no folder can be made here: {reason}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"{folder}: nothing can be written into this folder")
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            for path in absent:
                path.rmdir()
        raise


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


def mask_file(path: Path) -> Path:
    """Return the mask's file, also where the manifest beside it is named."""
    mask = path.with_suffix(".safetensors")
    return mask if path.suffix == ".json" and mask.is_file() else path


def describe_mask(path: Path) -> dict[str, Any]:
    """Return what a mask's file says of it, as plain data.

    Raises:
        UserError: it is no mask.
    """
    header = load_header(path)
    return {
        "path": str(path),
        "name": header.name or path.stem,
        "spec": header.spec,
        "architecture": header.architecture,
        "checkpoint": header.checkpoint,
        "total": header.total,
        "removed": header.removed,
        "sparsity": header.sparsity,
        "threshold": header.threshold,
        "selected_on": header.selected_on,
        "inputs": header.inputs,
    }


def count_cells(mask: dict[str, Any]) -> list[str]:
    """Return a table's cells of how much a mask removes: `5`, `of 10`, `50.00 %`."""
    removed, total = mask["removed"], mask["total"]
    return [f"removed {removed:,}", f"of {total:,}", f"{100 * removed / total:.2f} %"]


def describe_count(removed: int, total: int) -> str:
    """Return `removed 5 of 10 weights (50.00 %)`."""
    return f"removed {removed:,} of {total:,} weights ({100 * removed / total:.2f} %)"


def draw_sparkline(values: Sequence[float], lowest: float, highest: float) -> str:
    """Return a character for each of the values, which lie between `lowest` and `highest`."""
    ramp = _ramp()
    scale = (len(ramp) - 1) / (highest - lowest) if highest > lowest else 0.0
    return "".join(ramp[round(scale * (value - lowest))] for value in values)


def _ramp() -> str:
    try:
        _BLOCKS.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return _ASCII
    return _BLOCKS
