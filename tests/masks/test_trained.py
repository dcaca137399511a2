"""Masks of trained weights: what was removed before goes first, then what training made zero."""

from pathlib import Path

import numpy as np

from essential_sparsity.checkpoints.checkpoint import Checkpoint
from essential_sparsity.masks.computation import compute_masks
from essential_sparsity.masks.criteria.ticket import Ticket
from essential_sparsity.masks.criterion import Inputs
from essential_sparsity.masks.mask import Mask
from miniature_checkpoints import names_of, to_bits, write_checkpoint, write_tensors

SHAPE = (4, 8)


def test_a_kept_weight_that_training_made_zero_goes_after_those_that_are_gone(
    tmp_path: Path,
) -> None:
    """Ties go by place: kept zeros that lie before removed weights would else go in their stead."""
    draw = np.random.default_rng(3)
    stored = [draw.standard_normal(SHAPE) for _ in range(6)]
    folder = write_checkpoint(tmp_path / "model", [to_bits(v, "F32") for v in stored])
    # Of each matrix the last eight weights are gone, and of those that are kept the first four are
    # zero, half of them negative.
    keep = np.arange(32).reshape(SHAPE) < 24
    zeros = np.array([0.0, -0.0, 0.0, -0.0])
    trained = []
    for values in stored:
        found = np.where(keep, np.abs(values) + 1, 0.0)
        found[0, :4] = zeros
        trained.append(found)
    with Checkpoint.survey(folder) as checkpoint:
        manifest = checkpoint.manifest
        first = Ticket(sparsity=0.25, step=0.25, task="t", recipe="r", seed=1)
        held = tmp_path / "held.safetensors"
        keeps = dict.fromkeys(names_of(6), keep)
        Mask.build(
            keeps,
            first.document(),
            name=first.name,
            architecture="bert",
            checkpoint=manifest.sha256,
        ).save(held)
        weights = tmp_path / "weights.safetensors"
        tensors = {n: ("F32", to_bits(v, "F32")) for n, v in zip(names_of(6), trained, strict=True)}
        write_tensors(weights, tensors)
        files = {"weights": weights, "held": held}
        for sparsity, expected in ((0.25, 0), (0.5, 4)):
            spec = Ticket(sparsity=sparsity, step=0.25, task="t", recipe="r", seed=1)
            path = tmp_path / f"{sparsity}.safetensors"
            inputs = Inputs(dict.fromkeys(spec.references(), held), files)
            compute_masks(checkpoint, {path: spec}, inputs)
            mask = Mask.load(path)
            assert mask.is_nested_in(Mask.load(held))
            for name in mask.matrices:
                assert (~mask.keep(name)[0, :4]).sum() == expected
                assert not mask.keep(name)[~keep].any()
    # Between the two: every removed weight, and of the zeros those that come first.
    assert sum(mask.removed().values()) == 96
