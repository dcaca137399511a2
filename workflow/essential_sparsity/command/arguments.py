"""Command lines: their parser, and the arguments that several subcommands take."""

import argparse
import re
from importlib.metadata import version
from typing import Any, NoReturn

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
