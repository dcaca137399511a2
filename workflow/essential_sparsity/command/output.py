"""Arguments that subcommands share, and their output; with `--json`, JSON alone on stdout."""

import argparse
import contextlib
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from essential_sparsity.masks.mask import load_header
from essential_sparsity.support.errors import UserError
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


def add_checkpoint(parser: argparse.ArgumentParser, flag: str = "checkpoint") -> None:
    """Add the checkpoint, as `flag`, and what goes with it."""
    checkpoint = parser.add_argument(
        flag,
        metavar="CHECKPOINT",
        help="a folder as save_pretrained writes it, or a hub's org/name, or org/name@revision "
        "(a branch, a tag or a commit)",
    )
    checkpoint.required = True
    parser.add_argument(
        "--update",
        action="store_true",
        help="ask the hub which commit a branch or tag is now, also where one is cached",
    )


def report(document: dict[str, Any], lines: Sequence[str], as_json: bool) -> None:
    """Print the lines for people, and the document for machines if it is asked for."""
    if lines:
        print("\n".join(lines), file=sys.stderr if as_json else sys.stdout)
    if as_json:
        print(json.dumps(document, indent=1))


@contextmanager
def writable_folder(folder: Path) -> Iterator[None]:
    """Make `folder` before the work; take it away again if the work fails and leaves it empty."""
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


def mask_file(path: Path) -> Path:
    """Return the mask's file, also where the manifest beside it is named."""
    mask = path.with_suffix(".safetensors")
    return mask if path.suffix == ".json" and mask.is_file() else path


def describe_mask(path: Path) -> dict[str, Any]:
    """Return what a mask's file says of it, as plain data."""
    header = load_header(path)
    told = (
        *("spec", "architecture", "checkpoint", "total", "removed", "sparsity"),
        *("threshold", "selected_on", "inputs"),
    )
    name = header.name or path.stem
    return {"path": str(path), "name": name, **{key: getattr(header, key) for key in told}}


def count_cells(mask: dict[str, Any]) -> list[str]:
    """Return a table's cells of how much a mask removes: `5`, `of 10`, `50.00 %`."""
    removed, total = mask["removed"], mask["total"]
    return [f"removed {removed:,}", f"of {total:,}", f"{100 * removed / total:.2f} %"]


def describe_count(removed: int, total: int) -> str:
    """Return `removed 5 of 10 weights (50.00 %)`."""
    return f"removed {removed:,} of {total:,} weights ({100 * removed / total:.2f} %)"


def draw_sparkline(values: Sequence[float], lowest: float, highest: float) -> str:
    """Return a character for each of the values, which lie between `lowest` and `highest`."""
    ramp = "▁▂▃▄▅▆▇█"
    try:
        ramp.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        ramp = "_.-~=+*#"  # from the foot of a line upwards, then by ink
    scale = (len(ramp) - 1) / (highest - lowest) if highest > lowest else 0.0
    return "".join(ramp[round(scale * (value - lowest))] for value in values)
