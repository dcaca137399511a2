"""Runs one masked checkpoint on one task by a procedure, and keeps metrics and predictions."""

import argparse
import sys
from importlib import import_module
from pathlib import Path

from essential_sparsity.checkpoints.manifest import load_manifest
from essential_sparsity.masks.mask import Mask
from essential_sparsity.runs import heads, procedures
from essential_sparsity.runs.job import REMEDY, SCORING, Job
from essential_sparsity.runs.labels import labels_of_run, with_labels
from essential_sparsity.runs.training.resume import RestartPoint
from essential_sparsity.support.errors import run_stage
from essential_sparsity.support.files import sha256_of, write_json
from essential_sparsity.support.gpus import add_share, reserve
from essential_sparsity.support.spec import canonical_json, read_document
from essential_sparsity.support.tables import provenance, write_table
from essential_sparsity.tasks.manifest import MANIFEST, load_task


def main() -> None:
    """Read the arguments and the three inputs, run the procedure, write what it leaves."""
    parser = argparse.ArgumentParser(prog="python -m essential_sparsity.runs", description=__doc__)
    parser.add_argument(
        "--spec",
        required=True,
        help='JSON, or a file of it, such as {"seed": 1, "recipe": '
        '{"epochs": 3, "batch_size": 32, "learning_rate": 2e-5}}',
    )
    parser.add_argument("--checkpoint", required=True, type=Path, help="a checkpoint's folder")
    parser.add_argument("--task", required=True, type=Path, help="a task's folder")
    parser.add_argument("--mask", required=True, type=Path, help="a mask of the checkpoint")
    parser.add_argument(
        "--start", type=Path, action="append", default=[], help="tensors to start from instead"
    )
    parser.add_argument(
        "--score",
        default="accuracy",
        metavar="NAMES",
        help="metrics, separated by commas: the first one is the run's (default: %(default)s)",
    )
    parser.add_argument("--output", required=True, type=Path, help="the folder to write to")
    parser.add_argument(
        "--per-device-batch",
        type=int,
        default=0,
        metavar="N",
        help="examples that a device takes at once, where the recipe's batch does not fit; steps, "
        "and so results but for rounding and dropout, are the same (0: the recipe's batch)",
    )
    parser.add_argument(
        "--gpus",
        type=int,
        metavar="N",
        help="how many to use, together; 0 for the CPU (one, where there is one)",
    )
    add_share(parser)
    arguments = parser.parse_args()
    if arguments.per_device_batch < 0 or (arguments.gpus or 0) < 0:
        parser.error("--per-device-batch and --gpus take 0 or more")
    document, where = read_document(arguments.spec)
    spec = procedures.check_spec(document, where)
    procedure = procedures.name_in(document, where)
    scoring = import_module(SCORING).Scoring.of(arguments.score)
    manifest = load_manifest(arguments.checkpoint)
    task = load_task(arguments.task)
    mask = Mask.load(arguments.mask)
    place = dict(zip(("model", "task", "recipe"), arguments.output.parts[-5:], strict=False))
    labels = labels_of_run(mask.header, **place, seed=getattr(spec, "seed", None))

    inputs = {
        "checkpoint": manifest.sha256,
        "mask": sha256_of(arguments.mask),
        "task": sha256_of(arguments.task / MANIFEST),
        **{path.name: sha256_of(path) for path in arguments.start},
    }
    code = (heads.module_of(task.kind), *procedures.code_of(procedure))
    made_by = provenance("essential_sparsity.runs", spec.document(), *code)
    origin = {**made_by, "inputs": inputs, "metrics": scoring.versions}
    restart = RestartPoint(arguments.output / ".restart", canonical_json(origin))
    title = "/".join(arguments.output.parts[-5:])
    gpus = reserve(arguments.gpus, arguments.gpu_share)

    # torch and transformers take seconds to import: not before the inputs are known to be good, and
    # not before it is settled which GPUs torch is to see.
    import torch

    if gpus and not torch.cuda.is_available():
        gpus = []
        print(
            f"{title}: note: on the CPU, as torch {torch.__version__} cannot use the GPU",
            file=sys.stderr,
        )
    job = Job(
        arguments.checkpoint, manifest, task, mask, spec, restart, title, scoring,
        tuple(arguments.start), max(1, len(gpus)), arguments.per_device_batch,
    )  # fmt: skip
    outcome = procedures.open_procedure(procedure)(job)

    metrics = with_labels(outcome.metrics, labels)
    write_table(arguments.output / "predictions.parquet", outcome.predictions, origin)
    write_json(arguments.output / "movement.json", outcome.movement)
    write_table(arguments.output / "metrics.parquet", metrics, origin)
    restart.clear()
    last = metrics.slice(metrics.num_rows - 1).to_pylist()[0]
    if reason := last["failure"]:
        print(
            f"{title}: note: {reason}: training diverged, and the run counts as one answer to "
            f"everything; {REMEDY}",
            file=sys.stderr,
        )
    print(f"{title}: score {last['score']:.2f} % after {last['seconds']:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    run_stage(main)
