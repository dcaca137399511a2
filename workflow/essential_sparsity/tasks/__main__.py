"""The task-data stage's command line."""

import argparse
from pathlib import Path

from essential_sparsity.errors import run_stage
from essential_sparsity.tasks.build import build_task
from essential_sparsity.tasks.spec import TaskDataSpec


def main() -> None:
    """Tokenise one task's examples with a checkpoint's tokenizer."""
    parser = argparse.ArgumentParser(
        prog="python -m essential_sparsity.tasks", description=main.__doc__
    )
    parser.add_argument("--spec", required=True, help="a TaskDataSpec as JSON, or a file of it")
    parser.add_argument("--checkpoint", required=True, type=Path, help="folder with the tokenizer")
    parser.add_argument("--output", required=True, type=Path, help="folder to write")
    arguments = parser.parse_args()
    build_task(TaskDataSpec.read(arguments.spec), arguments.checkpoint, arguments.output)


if __name__ == "__main__":
    run_stage(main)
