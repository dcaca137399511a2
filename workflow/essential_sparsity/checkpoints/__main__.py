"""`python -m essential_sparsity.checkpoints`: bring one checkpoint into its folder."""

import argparse
from pathlib import Path

from essential_sparsity.checkpoints.spec import CheckpointSpec
from essential_sparsity.checkpoints.stage import fetch_checkpoint
from essential_sparsity.support.errors import run_stage
from essential_sparsity.support.pins import Pins


def main() -> None:
    """Bring one checkpoint, from the first source that has it, into its folder."""
    parser = argparse.ArgumentParser(
        prog="python -m essential_sparsity.checkpoints", description=main.__doc__
    )
    parser.add_argument(
        "--spec",
        required=True,
        help="JSON, or a file of it, such as "
        '{"version": 1, "sources": [{"kind": "folder", "path": "my-bert"}]}',
    )
    parser.add_argument("--output", required=True, type=Path, help="the checkpoint's folder")
    parser.add_argument("--base", type=Path, help="the checkpoint that a random start is of")
    parser.add_argument("--pins", type=Path, help="lock file of what hubs served first")
    arguments = parser.parse_args()
    pins = arguments.pins and Pins(arguments.pins)
    spec = CheckpointSpec.read(arguments.spec)
    fetch_checkpoint(spec, arguments.output, arguments.base, pins)


if __name__ == "__main__":
    run_stage(main)
