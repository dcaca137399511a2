"""Computes one mask of a checkpoint that `python -m essential_sparsity.checkpoints` made."""

import argparse
import json
import sys
from pathlib import Path

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.masks.computation import compute_masks
from essential_sparsity.masks.criterion import Inputs
from essential_sparsity.masks.histogram import Histogram
from essential_sparsity.masks.mask import load_header
from essential_sparsity.masks.registry import check_mask
from essential_sparsity.support.errors import UserError, run_stage
from essential_sparsity.support.progress import weights_bar
from essential_sparsity.support.spec import read_document


def main() -> None:
    """Read the arguments, compute the mask, save it."""
    parser = argparse.ArgumentParser(prog="python -m essential_sparsity.masks", description=__doc__)
    parser.add_argument(
        "--spec",
        required=True,
        help='JSON, or a file of it, such as {"criterion": "magnitude", "sparsity": 0.5}',
    )
    parser.add_argument("--checkpoint", required=True, type=Path, help="a checkpoint's folder")
    parser.add_argument("--histogram", type=Path, help="the checkpoint's, where it is at hand")
    parser.add_argument(
        "--mask", action="append", default=[], metavar="NAME=FILE", help="a mask to be matched"
    )
    parser.add_argument(
        "--file", action="append", default=[], metavar="ROLE=FILE", help="what a criterion reads"
    )
    parser.add_argument("--threads", type=int, help="as many as there are cores if not given")
    parser.add_argument("--output", required=True, type=Path, help="the .safetensors to write")
    arguments = parser.parse_args()
    spec = check_mask(*read_document(arguments.spec))
    inputs = Inputs(
        masks=dict(map(_split, arguments.mask)),
        files={role: Path(file) for role, file in spec.files().items()}
        | dict(map(_split, arguments.file)),
    )
    with Checkpoint.load(arguments.checkpoint) as checkpoint:
        histogram = arguments.histogram and Histogram.load(arguments.histogram, checkpoint)
        with weights_bar(spec.name, checkpoint.manifest.prunable_count) as progress:
            compute_masks(
                checkpoint,
                {arguments.output: spec},
                inputs,
                histogram,
                arguments.threads,
                progress,
            )
    header = load_header(arguments.output)
    print(
        f"{arguments.output}: removed {header.removed:,} of {header.total:,} weights "
        f"({100 * header.sparsity:.2f} %)",
        file=sys.stderr,
    )


def _split(text: str) -> tuple[str, Path]:
    name, sign, file = text.partition("=")
    if not sign:
        raise UserError(f"--mask, --file: {json.dumps(text)} is not NAME=FILE")
    return name, Path(file)


if __name__ == "__main__":
    run_stage(main)
