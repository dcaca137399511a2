"""Compares every two of a model's masks; run in the folder that holds `masks/`."""

import argparse
from pathlib import Path

from essential_sparsity.masks.mask import load_header
from essential_sparsity.similarity.measurement import measure_similarity
from essential_sparsity.similarity.spec import MaskSetSpec
from essential_sparsity.stages import paths
from essential_sparsity.support.errors import run_stage
from essential_sparsity.support.progress import weights_bar
from essential_sparsity.support.tables import provenance, write_table

STAGE = "essential_sparsity.similarity"


def main() -> None:
    """Run the stage from the command line."""
    parser = argparse.ArgumentParser(prog=f"python -m {STAGE}", description=__doc__)
    parser.add_argument(
        "--spec",
        required=True,
        help='JSON, or a file of it, such as {"masks": ["magnitude-global-s0.50", …]}',
    )
    parser.add_argument("--model", required=True, help="whose masks: a folder of `masks/`")
    parser.add_argument("--threads", type=int, help="as many as there are cores if not given")
    parser.add_argument("--output", required=True, type=Path, help="the .parquet to write")
    arguments = parser.parse_args()
    spec = MaskSetSpec.read(arguments.spec)
    first = load_header(Path(paths.MASK.format(model=arguments.model, mask=spec.masks[0])))
    with weights_bar("similarity", len(spec.masks) * first.total) as progress:
        table = measure_similarity(Path(), spec, arguments.model, arguments.threads, progress)
    write_table(arguments.output, table, provenance(STAGE, spec.document()))


if __name__ == "__main__":
    run_stage(main)
