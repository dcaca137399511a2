"""What the runs will be made on, where the user does not say: what they would find there."""

from collections.abc import Iterable

from essential_sparsity.estimate.cost import Device
from essential_sparsity.estimate.submissions import Submission
from essential_sparsity.support.files import available_cores
from essential_sparsity.support.gpus import visible_gpus

_HOW: dict[Device, str] = {
    "gpu": "Of GPUs tell ARGS=--device=gpu and, of four, ARGS=--gpus=4.",
    "cpu": "Of CPUs tells ARGS=--device=cpu.",
}


def assume_device(
    gpus: int | None, submissions: Iterable[Submission], profile: str | None
) -> tuple[Device, str]:
    """Return the device, and what to say of it: nothing where the user has asked for GPUs.

    Args:
        gpus: how many the user speaks of, None for no word of them.
        submissions: what the jobs that are left ask for.
        profile: the profile by which they do, None for no such.
    """
    if gpus is not None:
        return "gpu", ""
    if any(submission.gpu for submission in submissions):
        return (
            "gpu",
            f"Assumed: GPUs, as the jobs of profiles/{profile} ask for them. {_HOW['cpu']}",
        )
    if visible_gpus():
        return "gpu", f"Assumed: runs on this machine's GPU(s). {_HOW['cpu']}"
    return "cpu", f"Assumed: runs on this machine's CPU, as no GPU is at hand. {_HOW['gpu']}"


def usual_number(device: Device) -> int:
    """Return how many runs are at work together on this machine: one a GPU, or one a core."""
    return available_cores() if device == "cpu" else max(1, len(visible_gpus()))
