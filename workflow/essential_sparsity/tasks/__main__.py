"""The task-data stage's command line."""

import argparse
from pathlib import Path

from essential_sparsity.support.errors import run_stage
from essential_sparsity.tasks.build import build_task
from essential_sparsity.tasks.spec import TaskDataSpec


def main() -> None:
    """Make one task's examples ready, with a checkpoint's tokenizer or image processor."""
    parser = argparse.ArgumentParser(
        prog="python -m essential_sparsity.tasks", description=main.__doc__
    )
    parser.add_argument("--spec", required=True, help="a TaskDataSpec as JSON, or a file of it")
    parser.add_argument("--checkpoint", required=True, type=Path, help="whose tokenizer")
    parser.add_argument("--output", required=True, type=Path, help="folder to write")
    parser.add_argument("--pins", type=Path, help="lock file of what hubs served first")
    arguments = parser.parse_args()
    spec = TaskDataSpec.read(arguments.spec)
    build_task(spec, arguments.checkpoint, arguments.output, arguments.pins)


if __name__ == "__main__":
    run_stage(main)
