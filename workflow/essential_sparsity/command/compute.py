"""Compute masks of a checkpoint, all in as few passes over its weights as can be.

A mask is named by what made it, such as magnitude-global-s0.50.safetensors. Its bits depend on the
checkpoint and on that alone: they are the same on every machine. Masks along --sparsity are nested.

  --scope global   the least of all matrices together (one-shot magnitude pruning)
  --scope layer    of each matrix the same share
  --scope row      of each row of a matrix, that is of each output, the same share
  --scope erk      of each matrix a share by its Erdős-Rényi-Kernel density
  --scope matched  of each matrix as many as the mask --like removes of it
  --pattern 2:4    of each four consecutive weights of a row the two highest stay
"""

import argparse
from pathlib import Path

from essential_sparsity.command.criteria import add_criterion, find_inputs, read_masks
from essential_sparsity.command.output import (
    add_checkpoint,
    count_cells,
    describe_mask,
    report,
    writable_folder,
)
from essential_sparsity.command.source import open_checkpoint
from essential_sparsity.masks.computation import compute_masks
from essential_sparsity.masks.criterion import Criterion, Ranking
from essential_sparsity.masks.histogram import Histogram, count_keys
from essential_sparsity.masks.keys import Magnitudes
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.lines import format_table
from essential_sparsity.support.progress import weights_bar
from essential_sparsity.support.spec import canonical_json

EXAMPLE = r"""essential-sparsity mask compute facebook/deit-tiny-patch16-224 --output masks \
    --sparsity 0.1 0.3 0.5"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this subcommand's arguments."""
    add_checkpoint(parser)
    parser.add_argument(
        "--output", required=True, type=Path, metavar="FOLDER", help="where the masks go"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="all cores if not given")
    parser.add_argument(
        "--histogram",
        type=Path,
        metavar="FILE",
        help="counts of the checkpoint's magnitudes: read if the file is there, else kept in it; "
        "they save one pass over the weights",
    )
    add_criterion(parser)


def run(arguments: argparse.Namespace) -> None:
    """Compute the masks and print a line for each."""
    if arguments.threads is not None and arguments.threads < 1:
        raise UserError(f"mask compute: --threads: at least 1, not {arguments.threads}")
    specs = read_masks(arguments)
    if arguments.histogram and not any(
        isinstance(spec, Ranking) and spec.uses_histogram for spec in specs
    ):
        raise UserError(
            f"mask compute: --histogram: counts magnitudes, which '{arguments.criterion}' does "
            "not use"
        )
    folder: Path = arguments.output
    paths = {folder / f"{spec.name}.safetensors": spec for spec in specs}
    # Masks that are made from the same files.
    groups: dict[str, dict[Path, Criterion]] = {}
    for path, spec in paths.items():
        groups.setdefault(canonical_json(spec.files()), {})[path] = spec
    inputs = [find_inputs(next(iter(group.values())), arguments.like) for group in groups.values()]
    with (
        open_checkpoint(arguments.checkpoint, arguments.update) as checkpoint,
        writable_folder(folder),
        weights_bar("masks", checkpoint.manifest.prunable_count, passes=True) as progress,
    ):
        histogram = None
        if arguments.histogram and arguments.histogram.exists():
            histogram = Histogram.load(arguments.histogram, checkpoint)
        elif arguments.histogram:
            magnitudes = Magnitudes(checkpoint)
            histogram = count_keys(checkpoint, magnitudes, arguments.threads, progress)
            histogram.save(arguments.histogram)
        for group, needed in zip(groups.values(), inputs, strict=True):
            compute_masks(checkpoint, group, needed, histogram, arguments.threads, progress)
    masks = [describe_mask(path) for path in paths]
    rows = [[mask["name"], *count_cells(mask), mask["path"]] for mask in masks]
    report({"masks": masks}, format_table(rows, "<>>><"), arguments.json)
