"""Arguments that subcommands share, and their output; with `--json`, JSON alone on stdout."""

import argparse
import contextlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from essential_sparsity.masks.mask import load_header
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.progress import weights_bar
from essential_sparsity.support.validation import near_miss


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and whose texts keep their lines."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Raise `UserError`, in place of the usage and exit status 2."""
        _, sign, rest = message.partition("unrecognized arguments: ")
        if sign:
            flags = re.findall(r"--?[\w-]+", self.format_usage())
            message += near_miss(rest.split()[0].partition("=")[0], flags)
        raise UserError(f"{message} (see: {self.prog} --help)")


class Version(argparse.Action):
    """Prints the installed version; it is looked up when it is asked for."""

    def __init__(self, **options: Any) -> None:
        super().__init__(nargs=0, help="print the version", **options)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        """Print it and end."""
        print(f"essential-sparsity {version('essential-sparsity')}")
        parser.exit()


_CHECKPOINT = (
    "a folder as save_pretrained writes it, or a hub's org/name, or org/name@revision "
    "(a branch, a tag or a commit)"
)


def add_checkpoint(parser: argparse.ArgumentParser, flag: str = "checkpoint") -> None:
    """Add the checkpoint, as `flag`, and what goes with it."""
    named: dict[str, Any] = {"metavar": "CHECKPOINT", "help": _CHECKPOINT}
    if flag.startswith("-"):
        named["required"] = True
    parser.add_argument(flag, **named)
    parser.add_argument(
        "--update",
        action="store_true",
        help="ask the hub which commit a branch or tag is now, also where one is cached",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the switch to output for machines."""
    parser.add_argument(
        "--json", action="store_true", help="JSON on stdout; all that is for people on stderr"
    )


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
