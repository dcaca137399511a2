"""Say how similar masks of one checkpoint are: every two of them, over all matrices together.

Two masks share many weights by chance alone, so that the cosine stands beside its chance level, the
one that random masks of these sparsities have, and beside kappa, which is 0 at chance and 1 for
equal masks.
"""

import argparse
import math
from pathlib import Path
from typing import Any

from essential_sparsity.api import compare_masks
from essential_sparsity.command.output import (
    count_cells,
    describe_mask,
    mask_file,
    report,
)
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.lines import format_table
from essential_sparsity.support.progress import weights_bar

EXAMPLE = r"""essential-sparsity mask compare masks/magnitude-global-s0.30.safetensors \
    masks/magnitude-global-s0.50.safetensors"""

# Measure -> its column's heading.
_SHARES = {
    "cosine": "cosine", "chance": "chance", "kappa": "kappa", "kappa_by_layer": "by layer",
    "overlap": "overlap", "jaccard": "jaccard",
}  # fmt: skip

_EXPLANATION = """\
cosine    of the keep masks; chance: of random masks as sparse as these
kappa     (cosine - chance) / (1 - chance); by layer: chance of masks as sparse in every matrix
overlap   of the removed weights: those that both remove, of the smaller set
jaccard   of the removed weights: those that both remove, of those that either removes
hamming   how many weights one mask keeps and the other removes
unnested  how many weights the denser mask removes and the sparser keeps; nested masks have none"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this subcommand's arguments."""
    parser.add_argument(
        "masks",
        type=Path,
        nargs="+",
        metavar="MASK",
        help="two .safetensors files of masks, or more",
    )
    parser.add_argument("--threads", type=int, metavar="N", help="all cores if not given")


def run(arguments: argparse.Namespace) -> None:
    """Print a line for every two masks."""
    paths = list(dict.fromkeys(map(mask_file, arguments.masks)))  # masks/* is welcome
    if len(paths) < 2:
        raise UserError(f"mask compare: {paths[0]}: one mask alone; two or more can be compared")
    described = [describe_mask(path) for path in paths]
    with weights_bar("masks", len(paths) * described[0]["total"], passes=True) as progress:
        pairs = compare_masks(paths, threads=arguments.threads, progress=progress)
    plain = [  # JSON knows no NaN
        {key: None if math.isnan(value) else value for key, value in pair.items()} for pair in pairs
    ]
    report({"masks": described, "pairs": plain}, _draw(described, pairs), arguments.json)


def _draw(described: list[dict[str, Any]], pairs: list[dict[str, Any]]) -> list[str]:
    masks = [
        [str(place), mask["name"], *count_cells(mask), mask["path"]]
        for place, mask in enumerate(described, 1)
    ]
    head = ["pair", *_SHARES.values(), "hamming", "unnested"]
    rows = [
        [
            f"{pair['a'] + 1}, {pair['b'] + 1}",
            *(_number(pair[name]) for name in _SHARES),
            f"{pair['hamming']:,}",
            f"{pair['unnested']:,}",
        ]
        for pair in pairs
    ]
    return [
        *format_table(masks, "<<>>><"),
        "",
        *format_table([head, *rows]),
        "",
        *_EXPLANATION.splitlines(),
    ]


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{round(value, 4) + 0.0:.4f}"  # −0 becomes 0
