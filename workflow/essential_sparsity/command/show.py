"""Say what a mask is, and how much it keeps of each layer and module."""

import argparse
from pathlib import Path
from typing import Any

from essential_sparsity.architectures import find_architecture
from essential_sparsity.command.output import (
    describe_count,
    describe_mask,
    draw_sparkline,
    mask_file,
    report,
)
from essential_sparsity.masks.mask import load_header
from essential_sparsity.masks.registry import check_mask
from essential_sparsity.similarity.counts import compare_masks
from essential_sparsity.support.errors import UserError
from essential_sparsity.support.lines import format_table

EXAMPLE = "essential-sparsity mask show masks/magnitude-global-s0.50.safetensors"

_ALL = "all"
_LEAST_RANGE = 0.05  # of the blocks: shares that hardly differ are to look alike

# (weights, kept) of each layer and module, of each layer as a whole, and of each module. A pooler
# stands for a layer too, by its name.
_Cells = dict[tuple[int | str, str], tuple[int, int]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this subcommand's arguments."""
    parser.add_argument("mask", type=Path, metavar="MASK", help="a mask's .safetensors file")


def run(arguments: argparse.Namespace) -> None:
    """Print the mask."""
    path = mask_file(arguments.mask)
    document = describe_mask(path)
    matrices = _count_matrices(path)
    lines = [*_describe(document), "", *_draw(_add_up(matrices))]
    report({**document, "matrices": matrices}, lines, arguments.json)


def _count_matrices(path: Path) -> list[dict[str, Any]]:
    """Return place, weights and removed weights of every matrix, from the bits themselves."""
    header = load_header(path)
    architecture = find_architecture(header.architecture, str(path))
    found = architecture.find(header.shapes, str(path), pooler=None)
    counts = compare_masks([path])
    kept = dict(zip(counts.matrices, counts.kept[:, 0].tolist(), strict=True))
    return [
        {
            "matrix": matrix.name,
            "layer": matrix.place.layer,
            "module": matrix.place.module,
            "part": matrix.place.part,
            "weights": header.size(matrix.name),
            "removed": header.size(matrix.name) - kept[matrix.name],
        }
        for matrix in found
    ]


def _describe(document: dict[str, Any]) -> list[str]:
    rows = [
        ["mask", document["name"]],
        ["made by", _words(document)],
        ["of", f"{document['architecture']} checkpoint {document['checkpoint']}"],
        ["in all", describe_count(document["removed"], document["total"])],
    ]
    if document["threshold"] is not None:
        rows.append(["cut", f"at {document['threshold']:.6g}, on {document['selected_on']}"])
    rows += [["from", f"{role} {digest}"] for role, digest in document["inputs"].items()]
    return format_table(rows, "<<")


def _words(document: dict[str, Any]) -> str:
    try:
        return check_mask(document["spec"], document["path"]).words()
    except UserError:  # a criterion of another version: its spec speaks for itself
        return ", ".join(f"{key} {value}" for key, value in document["spec"].items())


def _add_up(matrices: list[dict[str, Any]]) -> _Cells:
    cells: _Cells = {}
    for matrix in matrices:
        kept = matrix["weights"] - matrix["removed"]
        place = matrix["module"] if matrix["part"] == "pooler" else matrix["layer"]
        for layer in (place, _ALL):
            for module in (matrix["module"], _ALL):
                weights, before = cells.get((layer, module), (0, 0))
                cells[layer, module] = (weights + matrix["weights"], before + kept)
    return cells


def _draw(cells: _Cells) -> list[str]:
    """Return a line a module over all layers, then a table of layers and modules."""
    density = {place: kept / weights for place, (weights, kept) in cells.items()}
    places = [layer for layer, module in cells if module == _ALL and layer != _ALL]
    layers = [layer for layer in places if isinstance(layer, int)]
    modules = [module for layer, module in cells if layer == layers[0] and module != _ALL]
    modules.append(_ALL)
    lowest, highest = min(density.values()), max(density.values())
    widen = max(0.0, _LEAST_RANGE - (highest - lowest)) / 2
    foot, top = lowest - widen, highest + widen
    ends = draw_sparkline([foot, top], foot, top)
    rows = [["kept, %", f"layer 0 to {layers[-1]}", _ALL, "lowest to highest"]]
    for module in modules:
        values = [density[layer, module] for layer in layers]
        between = f"{_percent(min(values))} to {_percent(max(values))}"
        line = draw_sparkline(values, foot, top)
        rows.append([module, line, _percent(density[_ALL, module]), between])
    table = [
        ["", *(module.rpartition("_")[0] for module in modules)],
        ["layer", *(module.rpartition("_")[2] for module in modules)],
    ]
    for layer in [*places, _ALL]:
        shares = (density.get((layer, module)) for module in modules)
        table.append([str(layer), *("" if share is None else _percent(share) for share in shares)])
    return [
        *format_table(rows, "<<><"),
        f"({ends[0]} is {_percent(foot)}, {ends[1]} is {_percent(top)})",
        "",
        *format_table(table),
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
