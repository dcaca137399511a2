"""Measures the weights of a model, layer by layer, for figures of their distributions."""

import argparse
from pathlib import Path

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.stages import paths
from essential_sparsity.support.errors import run_stage
from essential_sparsity.support.progress import weights_bar
from essential_sparsity.support.tables import provenance, write_table
from essential_sparsity.weights.measurement import measure_weights
from essential_sparsity.weights.spec import WeightsSpec

STAGE = "essential_sparsity.weights"


def main() -> None:
    """Read the arguments, measure, write the table; run it in the results folder."""
    parser = argparse.ArgumentParser(prog=f"python -m {STAGE}", description=__doc__)
    parser.add_argument("--spec", required=True, help="a WeightsSpec: JSON, or a file of it")
    parser.add_argument("--model", required=True, help="catalog name of the model")
    parser.add_argument("--threads", type=int, help="as many as there are cores if not given")
    parser.add_argument("--output", required=True, type=Path, help="the .parquet to write")
    arguments = parser.parse_args()
    spec = WeightsSpec.read(arguments.spec)
    with Checkpoint.load(Path(paths.CHECKPOINT.format(model=arguments.model))) as checkpoint:
        # Every weight is read twice.
        with weights_bar("measuring", 2 * checkpoint.manifest.prunable_count) as progress:
            table = measure_weights(checkpoint, arguments.model, spec, arguments.threads, progress)
        inputs = {"checkpoint": checkpoint.manifest.sha256}
    write_table(arguments.output, table, {**provenance(STAGE, spec.document()), "inputs": inputs})


if __name__ == "__main__":
    run_stage(main)
