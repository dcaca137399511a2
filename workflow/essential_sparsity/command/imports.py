"""Make a mask of a file from elsewhere: another tool's booleans, or a pruned checkpoint's zeros.

The file holds a tensor for every prunable matrix of the checkpoint, under its name with whatever
prefix: booleans (true is kept), or weights (zeros are removed).
"""

import argparse
import re
from pathlib import Path

from essential_sparsity.checkpoints.inventory import WEIGHTS
from essential_sparsity.command.output import (
    add_checkpoint,
    describe_count,
    describe_mask,
    report,
    writable_folder,
)
from essential_sparsity.command.source import open_checkpoint
from essential_sparsity.masks.computation import compute_masks
from essential_sparsity.masks.criterion import Inputs
from essential_sparsity.masks.registry import check_mask
from essential_sparsity.support.errors import UserError

EXAMPLE = r"""essential-sparsity mask import deit-tiny-half \
    --checkpoint facebook/deit-tiny-patch16-224 --output masks/half.safetensors"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this subcommand's arguments."""
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="a .safetensors file, or a folder with one model's"
    )
    add_checkpoint(parser, "--checkpoint")
    parser.add_argument(
        "--output", required=True, type=Path, metavar="MASK", help="the .safetensors to write"
    )
    parser.add_argument("--name", help="what the mask is called; made of FILE's name if not given")


def run(arguments: argparse.Namespace) -> None:
    """Write the mask."""
    file: Path = arguments.file
    output: Path = arguments.output
    if output.suffix != ".safetensors":
        raise UserError(f"mask import: --output: {output}: a mask's file ends in .safetensors")
    made = re.sub(r"[^a-z0-9._]+", "-", file.resolve().stem.lower()).strip("-._")
    name = arguments.name or made or "mask"
    if file.is_dir():
        file = file / WEIGHTS
        if not file.is_file():
            raise UserError(f"{file}: no such file; of a model in several parts, none is read")
    spec = check_mask(
        {"criterion": "imported", "mask": name, "file": str(file)}, "mask import: --name"
    )
    with (
        open_checkpoint(arguments.checkpoint, arguments.update) as checkpoint,
        writable_folder(output.parent),
    ):
        compute_masks(checkpoint, {output: spec}, Inputs(files={"file": file}))
    mask = describe_mask(output)
    line = f"{mask['name']}  {describe_count(mask['removed'], mask['total'])}  {output}"
    report(mask, [line], arguments.json)
