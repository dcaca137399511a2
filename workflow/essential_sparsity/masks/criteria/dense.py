"""No pruning: the mask that keeps everything."""

from pathlib import Path

import numpy as np

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.masks.criterion import Criterion, Inputs
from essential_sparsity.masks.mask import Header, write_mask
from essential_sparsity.masks.spec import DenseSpec


class Dense(DenseSpec, Criterion):
    """Keeps every weight, so that dense runs are ordinary runs."""

    def make(self, checkpoint: Checkpoint, inputs: Inputs, path: Path) -> None:
        """Write the mask, all ones."""
        header = Header.of(checkpoint.manifest, name=self.name, spec=self.document(), removed=0)
        with write_mask(path, header) as writer:
            for matrix in checkpoint.matrices:
                ones = np.ones(matrix.size, np.bool_)
                writer.write(np.packbits(ones, bitorder="little"))
