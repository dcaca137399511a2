"""This project: from a checkpoint's folder to masks and their histogram, and masks compared."""

from pathlib import Path

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.masks.computation import compute_masks
from essential_sparsity.masks.criteria.magnitude import Magnitude
from essential_sparsity.masks.histogram import Histogram, count_keys
from essential_sparsity.masks.keys import Magnitudes
from essential_sparsity.similarity.counts import compare_masks


def prepare(checkpoint: str) -> None:
    """Write the manifest: what the pipeline does once, when it fetches a checkpoint."""
    from essential_sparsity.checkpoints.manifest import MANIFEST
    from essential_sparsity.support.files import write_json

    folder = Path(checkpoint)
    write_json(folder / MANIFEST, Checkpoint.survey(folder).manifest.model_dump(mode="json"))


def masks(
    checkpoint: str, output: str, sparsities: list[float], verify: bool, histogram: str = ""
) -> None:
    """Make global magnitude masks, hashing the checkpoint's files first if they are verified."""
    _make(checkpoint, output, [Magnitude(sparsity=s) for s in sparsities], verify, histogram)


def pattern(checkpoint: str, output: str, pattern: str) -> None:
    """Make a mask of a pattern N:M."""
    _make(checkpoint, output, [Magnitude(pattern=pattern)], False, "")


def count(checkpoint: str, output: str) -> None:
    """Count the weights' magnitudes and keep the counts."""
    with Checkpoint.load(Path(checkpoint), verify=False) as opened:
        count_keys(opened, Magnitudes(opened)).save(Path(output))


def compare(masks: list[str]) -> None:
    """Count what every two masks keep together."""
    compare_masks([Path(file) for file in masks])


def _make(
    checkpoint: str, output: str, specs: list[Magnitude], verify: bool, histogram: str
) -> None:
    wanted = {Path(output) / f"{spec.name}.safetensors": spec for spec in specs}
    with Checkpoint.load(Path(checkpoint), verify) as opened:
        known = Histogram.load(Path(histogram), opened) if histogram else None
        compute_masks(opened, wanted, histogram=known)
