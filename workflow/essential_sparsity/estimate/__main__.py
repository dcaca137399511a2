"""Tell what a study costs before anything starts: downloads, runs, hours, disk. No network."""

import argparse
import math
from pathlib import Path

from essential_sparsity.estimate.cost import START_UP, TFLOPS, Device, Machine
from essential_sparsity.estimate.report import describe_plan, describe_submissions
from essential_sparsity.estimate.submissions import Submission, read_submissions
from essential_sparsity.study.jobs import load_study
from essential_sparsity.support.errors import UserError, run_stage
from essential_sparsity.support.files import available_cores
from essential_sparsity.support.gpus import visible_gpus

_ROOT = Path(__file__).parents[3]


def main() -> None:
    """Print the plan of a study file."""
    parser = argparse.ArgumentParser(
        prog="python -m essential_sparsity.estimate", description=__doc__
    )
    parser.add_argument("study", type=Path, help="a study file")
    parser.add_argument(
        "--results", type=Path, metavar="FOLDER", help="where results lie: results/ if not given"
    )
    parser.add_argument(
        "--device",
        choices=sorted(TFLOPS),
        help="what runs are made on: if not given, a GPU where there is one, or where --gpus or "
        "--profile asks for one",
    )
    parser.add_argument(
        "--tflops",
        type=float,
        metavar="N",
        help="10¹² floating-point operations a second that a run sustains; assumed if not given: "
        + ", ".join(f"{tflops:g} on a {device.upper()}" for device, tflops in TFLOPS.items()),
    )
    parser.add_argument(
        "--gpus",
        type=int,
        metavar="N",
        help="GPUs, or runs at once on CPUs: if not given, all GPUs or cores of this machine",
    )
    parser.add_argument(
        "--start-up",
        type=float,
        default=START_UP,
        metavar="SECONDS",
        help=f"of a run, beside its training ({START_UP:g})",
    )
    parser.add_argument(
        "--profile",
        metavar="NAME",
        help="tell too what jobs ask for, as this folder of profiles/ has it: slurm",
    )
    arguments = parser.parse_args()
    tflops = arguments.tflops
    if tflops is not None and not 0 < tflops < math.inf:
        raise UserError(f"--tflops: {tflops:g}; it must be above 0")
    if arguments.gpus is not None and arguments.gpus < 1:
        raise UserError(f"--gpus: {arguments.gpus}; at least one is needed")
    if not 0 <= arguments.start_up < math.inf:
        raise UserError(f"--start-up: {arguments.start_up:g}; it must be 0 or more")
    file = arguments.study
    results = arguments.results or _ROOT / "results"
    study = load_study(file, _ROOT, results)
    profile = arguments.profile
    submissions = profile and read_submissions(file, _ROOT, results, profile)
    device, assumed = arguments.device, ""
    if device is None:
        device, assumed = _assumed(arguments.gpus, submissions or [], profile)
    usual = available_cores() if device == "cpu" else max(1, len(visible_gpus()))
    machine = Machine(
        device=device,
        tflops=TFLOPS[device] if tflops is None else tflops,
        start_up=arguments.start_up,
        at_once=arguments.gpus or usual,
    )
    print(describe_plan(study, machine, assumed), end="")
    if submissions is not None:
        print(f"\n{describe_submissions(submissions, profile)}", end="")


def _assumed(
    gpus: int | None, submissions: list[Submission], profile: str | None
) -> tuple[Device, str]:
    """Return what runs would find, and what to say of it: nothing where GPUs were asked for."""
    cpu = "Of CPUs tells ARGS=--device=cpu."
    if gpus is not None:
        return "gpu", ""
    if any(submission.gpu for submission in submissions):
        return "gpu", f"Assumed: GPUs, as the jobs of profiles/{profile} ask for them. {cpu}"
    if visible_gpus():
        return "gpu", f"Assumed: runs on this machine's GPU(s). {cpu}"
    return "cpu", (
        "Assumed: runs on this machine's CPU, as no GPU is at hand. Of GPUs tell ARGS=--device=gpu "
        "and, of four, ARGS=--gpus=4."
    )


if __name__ == "__main__":
    run_stage(main)
