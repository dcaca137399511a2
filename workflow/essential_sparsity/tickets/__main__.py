"""Finds one mask by training: a lottery ticket's next round, or gradual pruning."""

import argparse
import sys
import tempfile
from pathlib import Path

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.masks.mask import load_header
from essential_sparsity.masks.registry import check_mask
from essential_sparsity.masks.trained import Trained
from essential_sparsity.runs.command import add_scored, add_training, open_job
from essential_sparsity.support.errors import UserError, run_stage
from essential_sparsity.support.files import atomic_path
from essential_sparsity.support.gpus import reserve
from essential_sparsity.support.tables import write_table
from essential_sparsity.tickets.spec import TrainingSpec

_STAGE = "essential_sparsity.tickets"


def main() -> None:
    """Read the arguments and the inputs, train, write the mask and what the training left."""
    parser = argparse.ArgumentParser(prog=f"python -m {_STAGE}", description=__doc__)
    parser.add_argument(
        "--spec",
        required=True,
        help='JSON, or a file of it: {"mask": {"criterion": "ticket", …}, "run": {"seed": 1, …}}',
    )
    parser.add_argument("--output", required=True, type=Path, help="the .safetensors to write")
    add_training(parser)
    add_scored(parser)
    parser.add_argument("--threads", type=int, help="as many as there are cores if not given")
    parser.add_argument(
        "--record", required=True, type=Path, help="folder for what is left besides"
    )
    arguments = parser.parse_args()
    spec = TrainingSpec.read(arguments.spec)
    wanted = check_mask(spec.mask, "--spec: mask")
    if not isinstance(wanted, Trained):
        raise UserError(f"--spec: mask: '{wanted.criterion}' needs no training")
    criterion, output, record = type(wanted).__module__, arguments.output, arguments.record
    job, origin = open_job(arguments, _STAGE, spec, spec.run, record, wanted.name, criterion)
    reserve(arguments.gpus, arguments.gpu_share)
    with (
        Checkpoint.load(arguments.checkpoint) as checkpoint,
        tempfile.TemporaryDirectory(prefix="essential-sparsity-") as scratch,
    ):
        # torch and transformers take seconds to import: not before the inputs are known to be good.
        from essential_sparsity.checkpoints.weights import write_weights
        from essential_sparsity.tickets.training import find_mask

        metrics, head = find_mask(
            checkpoint, job, arguments.mask, wanted, Path(scratch), output, arguments.threads
        )
    with atomic_path(record / "head.safetensors") as temporary:
        write_weights(temporary, head, sealed=True)
    write_table(record / "metrics.parquet", metrics, origin)
    job.restart.clear()
    header = load_header(output)
    print(
        f"{output}: removed {header.removed:,} of {header.total:,} weights "
        f"({100 * header.sparsity:.2f} %)",
        file=sys.stderr,
    )


if __name__ == "__main__":
    run_stage(main)
