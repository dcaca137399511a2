"""Write a checkpoint whose removed weights are zero, for `from_pretrained` or anything else.

Files, tensors and types stay as they are; only the weights that the mask removes become 0.
"""

import argparse
from pathlib import Path

from essential_sparsity.api import apply_mask
from essential_sparsity.command.output import (
    add_checkpoint,
    describe_count,
    mask_file,
    report,
)
from essential_sparsity.command.source import open_checkpoint
from essential_sparsity.masks.mask import load_header
from essential_sparsity.support.progress import weights_bar

EXAMPLE = r"""essential-sparsity mask apply masks/magnitude-global-s0.50.safetensors \
    facebook/deit-tiny-patch16-224 --output deit-tiny-half"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this subcommand's arguments."""
    parser.add_argument("mask", type=Path, metavar="MASK", help="a mask's .safetensors file")
    add_checkpoint(parser)
    parser.add_argument(
        "--output", required=True, type=Path, metavar="FOLDER", help="the checkpoint to write"
    )
    parser.add_argument(
        "--any-checkpoint",
        action="store_true",
        help="take a mask of another checkpoint, say of the model before it was fine-tuned, where "
        "matrices and shapes agree",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="replace the output folder whatever it holds: everything in it is deleted",
    )


def run(arguments: argparse.Namespace) -> None:
    """Write the pruned checkpoint."""
    path = mask_file(arguments.mask)
    header = load_header(path)
    with (
        open_checkpoint(arguments.checkpoint, arguments.update) as checkpoint,
        weights_bar("pruning", header.total) as progress,
    ):
        record = apply_mask(
            path,
            checkpoint,
            arguments.output,
            any_checkpoint=arguments.any_checkpoint,
            force=arguments.force,
            progress=progress,
        )
    line = f"{arguments.output}: {describe_count(header.removed, header.total)}"
    report({"output": str(arguments.output), **record}, [line], arguments.json)
