"""What the training that finds a mask depends on."""

from typing import Any

from essential_sparsity.runs.procedures.fine_tuning.spec import RunSpec
from essential_sparsity.support.spec import Spec


class TrainingSpec(Spec):
    """A mask, and the run that finds it."""

    mask: dict[str, Any]
    run: RunSpec
