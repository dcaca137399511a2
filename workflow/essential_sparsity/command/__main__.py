"""`essential-sparsity`, or `python -m essential_sparsity.command`: chooses the subcommand."""

import os
import sys
from importlib import import_module
from textwrap import indent

from essential_sparsity import __version__
from essential_sparsity.command.output import Parser
from essential_sparsity.support.errors import run_stage

_DESCRIPTION = """\
Masks of the weights of pre-trained transformers: which weights are kept, which are removed.

  essential-sparsity mask compute facebook/deit-tiny-patch16-224 --output masks --sparsity 0.5
  essential-sparsity mask show masks/magnitude-global-s0.50.safetensors
"""

# Subcommand -> its module and what it does. A module is imported when its subcommand is asked for.
_COMMANDS = {
    "compute": ("compute", "compute masks of a checkpoint"),
    "show": ("show", "say what a mask is and where it removes weights"),
    "compare": ("compare", "say how similar masks of one checkpoint are"),
    "apply": ("apply", "write a checkpoint whose removed weights are zero"),
    "import": ("imports", "make a mask of another tool's booleans, or of a pruned checkpoint"),
}


def main() -> None:
    """Run the command line; a user's mistake is one line and exit status 1."""
    run_stage(_run)


def _run() -> None:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # names of files and models may hold any character
            stream.reconfigure(errors="backslashreplace")
    try:
        dispatch(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has seen enough. What is left in the buffer goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def dispatch(words: list[str]) -> None:
    """Run the subcommand that `words`, the command line without the program's name, asks for."""
    parser = Parser(prog="essential-sparsity", description=_DESCRIPTION)
    parser.add_argument(
        "--version",
        action="version",
        version=f"essential-sparsity {__version__}",
        help="print the version",
    )
    groups = parser.add_subparsers(title="groups", metavar="GROUP")
    mask = groups.add_parser("mask", help="compute, show, compare, apply and import masks")
    commands = mask.add_subparsers(title="subcommands", metavar="SUBCOMMAND")
    parser.set_defaults(run=lambda _: parser.print_help(), parser=parser)
    mask.set_defaults(run=lambda _: mask.print_help(), parser=mask)
    for name, (module, summary) in _COMMANDS.items():
        command = commands.add_parser(name, help=summary)
        if words[:2] == ["mask", name]:
            subcommand = import_module(f"{__package__}.{module}")
            command.description = subcommand.__doc__
            command.epilog = "example:\n" + indent(subcommand.EXAMPLE, "  ")
            subcommand.add_arguments(command)
            command.add_argument(
                "--json",
                action="store_true",
                help="JSON on stdout; all that is for people on stderr",
            )
            command.set_defaults(run=subcommand.run, parser=command)
    arguments, rest = parser.parse_known_args(words)
    if rest:  # said by the subcommand, which knows what it takes
        arguments.parser.error(f"unrecognized arguments: {' '.join(rest)}")
    arguments.run(arguments)


if __name__ == "__main__":
    main()
