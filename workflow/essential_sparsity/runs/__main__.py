"""Runs one masked checkpoint on one task by a procedure, and keeps metrics and predictions."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from essential_sparsity.runs import procedures
from essential_sparsity.runs.command import add_scored, add_training, open_job
from essential_sparsity.runs.job import REMEDY
from essential_sparsity.runs.labels import labels_of_run, with_labels
from essential_sparsity.runs.procedures.fine_tuning.spec import RunSpec
from essential_sparsity.support.errors import run_stage
from essential_sparsity.support.files import write_json
from essential_sparsity.support.gpus import reserve
from essential_sparsity.support.tables import write_table

_STAGE = "essential_sparsity.runs"


def main() -> None:
    """Read the arguments and the three inputs, run the procedure, write what it leaves."""
    parser = argparse.ArgumentParser(prog=f"python -m {_STAGE}", description=__doc__)
    parser.add_argument(
        "--spec",
        required=True,
        help='JSON, or a file of it, such as {"seed": 1, "recipe": {"epochs": 3, "batch_size": 32, '
        '"learning_rate": 2e-5}}',
    )
    parser.add_argument("--output", required=True, type=Path, help="the folder to write to")
    add_training(parser)
    add_scored(parser)
    arguments = parser.parse_args()
    if arguments.per_device_batch < 0 or (arguments.gpus or 0) < 0:
        parser.error("--per-device-batch and --gpus take 0 or more")
    spec = RunSpec.read(arguments.spec)
    procedure = spec.recipe.procedure
    place = arguments.output.parts[-5:]
    title = "/".join(place)
    job, origin = open_job(
        arguments, _STAGE, spec, spec, arguments.output, title, *procedures.code_of(procedure)
    )
    names = dict(zip(("model", "task", "recipe"), place, strict=False))
    labels = labels_of_run(job.mask.header, **names, seed=spec.seed)
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
    outcome = procedures.open_procedure(procedure)(replace(job, devices=max(1, len(gpus))))

    metrics = with_labels(outcome.metrics, labels)
    write_table(arguments.output / "predictions.parquet", outcome.predictions, origin)
    write_json(arguments.output / "movement.json", outcome.movement)
    write_table(arguments.output / "metrics.parquet", metrics, origin)
    job.restart.clear()
    last = metrics.slice(metrics.num_rows - 1).to_pylist()[0]
    if reason := last["failure"]:
        print(
            f"{title}: note: {reason}: training diverged, and the run counts as a constant "
            f"answer; {REMEDY}",
            file=sys.stderr,
        )
    print(f"{title}: score {last['score']:.2f} % after {last['seconds']:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    run_stage(main)
