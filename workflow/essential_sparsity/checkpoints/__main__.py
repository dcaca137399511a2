"""`python -m essential_sparsity.checkpoints`: bring one checkpoint into its folder."""

import argparse
from pathlib import Path

from essential_sparsity.checkpoints.spec import CheckpointSpec
from essential_sparsity.checkpoints.stage import fetch_checkpoint
from essential_sparsity.errors import run_stage


def main() -> None:
    """Parse the command line and run the stage."""
    parser = argparse.ArgumentParser(prog="python -m essential_sparsity.checkpoints")
    parser.add_argument("--spec", required=True, help="a CheckpointSpec as JSON, or a file of it")
    parser.add_argument("--output", required=True, type=Path, help="the checkpoint's folder")
    parser.add_argument("--base", type=Path, help="the checkpoint that a random start is of")
    arguments = parser.parse_args()
    fetch_checkpoint(CheckpointSpec.read(arguments.spec), arguments.output, arguments.base)


if __name__ == "__main__":
    run_stage(main)
