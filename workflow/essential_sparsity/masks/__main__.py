"""Computes one mask of a checkpoint that `python -m essential_sparsity.checkpoints` made."""

import argparse
import sys
from pathlib import Path

from essential_sparsity.checkpoints.manifest import load_manifest
from essential_sparsity.errors import run_stage
from essential_sparsity.masks.criteria import compute_mask
from essential_sparsity.masks.spec import MaskSpec


def main() -> None:
    """Read the arguments, compute the mask, save it."""
    parser = argparse.ArgumentParser(prog="python -m essential_sparsity.masks", description=__doc__)
    parser.add_argument(
        "--spec",
        required=True,
        help='JSON, or a file of it, such as {"criterion": "magnitude", "sparsity": 0.5}',
    )
    parser.add_argument("--checkpoint", required=True, type=Path, help="a checkpoint's folder")
    parser.add_argument("--output", required=True, type=Path, help="the .safetensors to write")
    arguments = parser.parse_args()
    spec = MaskSpec.read(arguments.spec)
    mask = compute_mask(arguments.checkpoint, load_manifest(arguments.checkpoint), spec)
    mask.save(arguments.output)
    header = mask.header
    print(
        f"{arguments.output}: removed {header.removed:,} of {header.total:,} weights "
        f"({100 * mask.sparsity:.2f} %)",
        file=sys.stderr,
    )


if __name__ == "__main__":
    run_stage(main)
