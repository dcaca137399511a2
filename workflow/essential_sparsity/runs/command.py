"""What trainings' command lines have in common: arguments, and the job that they describe."""

import argparse
from importlib import import_module
from pathlib import Path
from typing import Any

from essential_sparsity.checkpoints.manifest import load_manifest
from essential_sparsity.masks.mask import Mask
from essential_sparsity.runs import heads
from essential_sparsity.runs.job import Job
from essential_sparsity.runs.procedures.fine_tuning.spec import RunSpec
from essential_sparsity.runs.training.resume import RestartPoint
from essential_sparsity.support.files import sha256_of
from essential_sparsity.support.gpus import add_share
from essential_sparsity.support.spec import Spec, canonical_json
from essential_sparsity.support.tables import provenance
from essential_sparsity.tasks.manifest import MANIFEST, load_task

# Imported by this name where scores are wanted: how runs are scored is no part of their key.
_SCORING = "essential_sparsity.metrics.scoring"


def add_training(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of every training; texts stay with the parsers, so that no key has them."""
    parser.add_argument("--checkpoint", required=True, type=Path, help="a checkpoint's folder")
    parser.add_argument("--task", required=True, type=Path, help="a task's folder")
    parser.add_argument("--mask", required=True, type=Path, help="a mask of the checkpoint")
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


def add_scored(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a training that starts anywhere and is scored."""
    parser.add_argument(
        "--start", type=Path, action="append", default=[], help="tensors to start from instead"
    )
    parser.add_argument(
        "--score",
        default="accuracy",
        metavar="NAMES",
        help="metrics, separated by commas: the first one is the run's (default: %(default)s)",
    )


def open_job(
    arguments: argparse.Namespace, stage: str, spec: Spec, run: RunSpec, folder: Path, title: str,
    *code: str,
) -> tuple[Job, dict[str, Any]]:  # fmt: skip
    """Return the job that arguments describe, and what its results say of where they are from.

    The stage depends on `spec`, of which `run` is the run, and on modules that it finds by their
    names, `code` and the head's. A restart point lies in `folder` until the results are there.
    """
    scoring = import_module(_SCORING).Scoring.of(arguments.score)
    manifest = load_manifest(arguments.checkpoint)
    task = load_task(arguments.task)
    mask = Mask.load(arguments.mask)
    inputs = {
        "checkpoint": manifest.sha256,
        "mask": sha256_of(arguments.mask),
        "task": sha256_of(arguments.task / MANIFEST),
        **{path.name: sha256_of(path) for path in arguments.start},
    }
    made_by = provenance(stage, spec.document(), heads.module_of(task.kind), *code)
    origin = {**made_by, "inputs": inputs, "metrics": scoring.versions}
    job = Job(
        arguments.checkpoint,
        manifest,
        task,
        mask,
        run,
        RestartPoint(folder / ".restart", canonical_json(origin)),
        title,
        scoring,
        tuple(arguments.start),
        limit=arguments.per_device_batch,
    )
    return job, origin
