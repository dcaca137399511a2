"""Finds one mask by training: a lottery ticket's next round, or gradual pruning."""

import argparse
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.masks.mask import Mask, load_header
from essential_sparsity.masks.registry import check_mask
from essential_sparsity.masks.trained import Trained
from essential_sparsity.runs import heads
from essential_sparsity.runs.job import SCORING, Job
from essential_sparsity.runs.training.resume import RestartPoint
from essential_sparsity.support.errors import UserError, run_stage
from essential_sparsity.support.files import atomic_path, sha256_of
from essential_sparsity.support.gpus import add_share, reserve
from essential_sparsity.support.spec import canonical_json
from essential_sparsity.support.tables import provenance, write_table
from essential_sparsity.tasks.manifest import MANIFEST, load_task
from essential_sparsity.tickets.spec import TrainingSpec

STAGE = "essential_sparsity.tickets"


def main() -> None:
    """Read the arguments and the inputs, train, write the mask and what the training left."""
    parser = argparse.ArgumentParser(prog=f"python -m {STAGE}", description=__doc__)
    parser.add_argument(
        "--spec",
        required=True,
        help='JSON, or a file of it: {"mask": {"criterion": "ticket", …}, "run": {"seed": 1, …}}',
    )
    parser.add_argument("--checkpoint", required=True, type=Path, help="a checkpoint's folder")
    parser.add_argument("--task", required=True, type=Path, help="a task's folder")
    parser.add_argument(
        "--mask", required=True, type=Path, help="the mask that training begins with"
    )
    parser.add_argument(
        "--start", type=Path, action="append", default=[], help="tensors to start from instead"
    )
    parser.add_argument("--score", default="accuracy", help="metrics, separated by commas")
    parser.add_argument("--threads", type=int, help="as many as there are cores if not given")
    parser.add_argument("--output", required=True, type=Path, help="the .safetensors to write")
    parser.add_argument(
        "--record", required=True, type=Path, help="folder for what is left besides"
    )
    parser.add_argument("--per-device-batch", type=int, default=0, help="0: the recipe's batch")
    parser.add_argument("--gpus", type=int, help="one, where there is one; 0 for the CPU")
    add_share(parser)
    arguments = parser.parse_args()
    spec = TrainingSpec.read(arguments.spec)
    wanted = check_mask(spec.mask, "--spec: mask")
    if not isinstance(wanted, Trained):
        raise UserError(f"--spec: mask: '{wanted.criterion}' needs no training")
    scoring = import_module(SCORING).Scoring.of(arguments.score)
    task = load_task(arguments.task)
    begun = sha256_of(arguments.mask)
    reserve(arguments.gpus, arguments.gpu_share)
    with Checkpoint.load(arguments.checkpoint) as checkpoint:
        # torch and transformers take seconds to import: not before the inputs are known to be good.
        from essential_sparsity.checkpoints.weights import write_weights
        from essential_sparsity.tickets.training import find_mask

        modules = (type(wanted).__module__, heads.module_of(task.kind))
        made_by = provenance(STAGE, spec.document(), *modules)
        inputs = {
            "checkpoint": checkpoint.manifest.sha256,
            "mask": begun,
            "task": sha256_of(arguments.task / MANIFEST),
            **{path.name: sha256_of(path) for path in arguments.start},
        }
        origin = {**made_by, "inputs": inputs, "metrics": scoring.versions}
        record: Path = arguments.record
        restart = RestartPoint(record / ".restart", canonical_json(origin))
        with tempfile.TemporaryDirectory(prefix="essential-sparsity-") as scratch:
            job = Job(
                arguments.checkpoint, checkpoint.manifest, task, Mask.load(arguments.mask),
                spec.run, restart, wanted.name, scoring, tuple(arguments.start),
                limit=arguments.per_device_batch,
            )  # fmt: skip
            found = find_mask(
                checkpoint,
                job,
                arguments.mask,
                wanted,
                Path(scratch),
                arguments.output,
                arguments.threads,
            )
    with atomic_path(record / "head.safetensors") as temporary:
        write_weights(temporary, found.head, sealed=True)
    write_table(record / "metrics.parquet", found.metrics, origin)
    restart.clear()
    header = load_header(arguments.output)
    print(
        f"{arguments.output}: removed {header.removed:,} of {header.total:,} weights "
        f"({100 * header.sparsity:.2f} %)",
        file=sys.stderr,
    )


if __name__ == "__main__":
    run_stage(main)
