"""The model of a run: the checkpoint's weights, proven to be there, a new head, and a held mask."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, set_seed

from essential_sparsity.architectures import find_architecture
from essential_sparsity.architectures.architecture import Layout
from essential_sparsity.checkpoints.inventory import CONFIG
from essential_sparsity.checkpoints.manifest import Manifest, Matrix
from essential_sparsity.checkpoints.tensors import read_tensor
from essential_sparsity.masks.mask import Mask
from essential_sparsity.runs.heads.head import Head
from essential_sparsity.runs.job import Diverged
from essential_sparsity.support.errors import UserError

# Integers as wide as a gradient's floats, by bytes.
_BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


@dataclass(frozen=True)
class Weight:
    """A prunable matrix of a checkpoint, and the model's parameter that holds it.

    `layout` is how it lies in the parameter, None where it is all of it.
    """

    matrix: Matrix
    parameter: torch.nn.Parameter
    layout: Layout | None = None

    def view(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the matrix's part of a tensor of the parameter's shape, see `Layout.view`."""
        part: torch.Tensor = self.layout.view(tensor) if self.layout else tensor
        return part

    @property
    def values(self) -> torch.Tensor:
        """The matrix, (out, in), as it is now."""
        return self.view(self.parameter.detach()).reshape(self.matrix.shape)


def load_model(folder: Path, manifest: Manifest, head: Head, seed: int) -> PreTrainedModel:
    """Return the checkpoint with `head`, drawn from `seed`, in fp32.

    The head depends on the seed alone, not on the mask, which is applied later: that pairs runs
    across sparsities. That the loaded weights are those of the checkpoint's files is checked.
    """
    set_seed(seed)
    model: PreTrainedModel
    model, report = head.auto_class.from_pretrained(
        folder,
        output_loading_info=True,
        dtype=torch.float32,
        local_files_only=True,
        trust_remote_code=False,
        ignore_mismatched_sizes=True,
        **head.options(),
    )
    drawn = _check_drawn(model, report, folder, manifest)
    names = [name for name in model.state_dict() if not is_pre_trained(model, name)]
    if not drawn.issuperset(names):
        _draw_head(model, names, head, seed)
    head.configure(model)
    for weight in match_parameters(model, manifest):
        matrix = weight.matrix
        stored = torch.tensor(read_tensor(folder, matrix).values())
        if not torch.equal(stored, weight.values):
            raise UserError(
                f"{folder}: {matrix.name}: the weights that transformers loaded are not those of "
                f"{matrix.file}; the architecture's names need a look"
            )
    return model


def _check_drawn(
    model: PreTrainedModel, report: dict[str, Any], folder: Path, manifest: Manifest
) -> set[str]:
    """Return what was drawn at random: nothing but the head, and a pooler that feeds it."""
    architecture = find_architecture(manifest.architecture, "the model")
    drawn = set(report["missing_keys"]) | {name for name, *_ in report["mismatched_keys"]}
    for name in sorted(drawn):
        pre_trained = name.startswith(f"{model.base_model_prefix}.")
        if pre_trained and not architecture.is_pooler(name):
            raise UserError(
                f"{folder}: {name}: missing from the weights, or of another shape than "
                f"{CONFIG} says; it would start from random numbers"
            )
    return drawn


def is_pre_trained(model: PreTrainedModel, name: str) -> bool:
    """Tell whether a tensor is the base model's, or the head of a language model."""
    language_model = model.get_output_embeddings() is not None  # type: ignore[no-untyped-call]
    return language_model or name.startswith(f"{model.base_model_prefix}.")


def tensors_of(model: PreTrainedModel, pre_trained: bool) -> dict[str, torch.Tensor]:
    """Return copies of the tensors that pre-training left, or of the others, by their names."""
    return {
        name: tensor.detach().cpu().clone().contiguous()
        for name, tensor in model.state_dict().items()
        if is_pre_trained(model, name) == pre_trained
    }


def _draw_head(model: PreTrainedModel, names: list[str], head: Head, seed: int) -> None:
    """Draw a head that the checkpoint brought along: it is of another task, if of equal shape."""
    set_seed(seed)
    fresh = head.auto_class.from_config(model.config, dtype=torch.float32).state_dict()
    model.load_state_dict({name: fresh[name] for name in names}, strict=False)


def match_parameters(model: PreTrainedModel, manifest: Manifest) -> list[Weight]:
    """Return the checkpoint's prunable matrices with the model's parameters that hold them.

    Names differ between a checkpoint and a model that wraps it (prefixes, renamed modules); layer
    and module do not. A pooler that the model's head does without is left out: see `with_unused`.
    """
    where = "the model"
    parameters = dict(model.named_parameters())
    shapes = {name: tuple(parameter.shape) for name, parameter in parameters.items()}
    pooler = None if manifest.prunes_pooler else False
    architecture = find_architecture(manifest.architecture, "the model")
    found = {
        (matrix.place.layer, matrix.place.module): matrix
        for matrix in architecture.find(shapes, where, model.config.to_dict(), pooler)
    }
    wanted = {(matrix.layer, matrix.module): matrix for matrix in manifest.matrices}
    unused = {place for place, matrix in wanted.items() if matrix.part == "pooler"} - set(found)
    if odd := sorted(set(found) ^ set(wanted) - unused):
        raise UserError(
            f"{where}: layer {odd[0][0]}, {odd[0][1]}: prunable in the checkpoint or in the model, "
            "not in both"
        )
    weights = []
    for place, matrix in wanted.items():
        if place in unused:
            continue
        other = found[place]
        shape = other.shape(shapes[other.tensor])
        if shape != matrix.shape:
            raise UserError(
                f"{matrix.name}: shape {list(matrix.shape)} in the checkpoint, "
                f"{list(shape)} in the model"
            )
        weights.append(Weight(matrix, parameters[other.tensor], other.layout))
    return weights


def with_unused(weights: list[Weight], folder: Path, manifest: Manifest) -> list[Weight]:
    """Return `weights`, and as stored the matrices that the model does without.

    That is the pooler under a head for questions: a mask covers it, training leaves it as it is.
    """
    used = {weight.matrix.name for weight in weights}
    unused = [matrix for matrix in manifest.matrices if matrix.name not in used]
    stored = [torch.tensor(read_tensor(folder, matrix).values()).float() for matrix in unused]
    return weights + list(map(Weight, unused, map(torch.nn.Parameter, stored)))


class MaskBrokenError(RuntimeError):
    """A removed weight, its gradient or its Adam moment is not exactly zero: a defect."""


class HeldMask:
    """The mask of a model in training: removed weights are zero and stay exactly zero.

    Only the gradient has to be masked. A weight that starts at 0 and whose gradient is always 0 has
    Adam moments of 0 and an update of 0; decoupled weight decay multiplies 0. So the optimiser runs
    unchanged and pays nothing, and gradient clipping sees the sparse network's norm. All gradients
    are masked at once, after the backward pass: a hook on each takes more than twice the time.
    """

    def __init__(self, mask: Mask, weights: Iterable[Weight]) -> None:
        """Zero the removed weights."""
        self._held: list[tuple[Weight, torch.Tensor]] = []
        self.tighten(mask, weights)

    def tighten(self, mask: Mask, weights: Iterable[Weight]) -> None:
        """Hold `mask` from now on, which removes at least what was removed before."""
        self._held.clear()
        for weight in weights:
            part = weight.view(weight.parameter.detach())
            keep = torch.from_numpy(mask.keep(weight.matrix.name)).to(part.device)
            if bool(keep.all()):
                continue
            keep = keep.reshape(part.shape)
            part.masked_fill_(~keep, 0.0)
            self._held.append((weight, keep))

    def mask_gradients(self) -> None:
        """Zero the removed weights' gradients: after each backward pass, before they are read."""
        bits, keeps = [], []
        for index, (weight, keep) in enumerate(self._held):
            gradient = weight.parameter.grad
            if keep.device != weight.parameter.device:
                # Trainer moves the model after the mask was set.
                keep = keep.to(weight.parameter.device)
                self._held[index] = (weight, keep)
            if gradient is not None:
                bits.append(weight.view(gradient.view(_BITS[gradient.element_size()])))
                keeps.append(keep)
        if bits:
            # A product of the bits as integers, times 0 or 1: the floats' own would leave
            # NaN · 0 = NaN, and a fill takes ten times as long on a CPU.
            torch._foreach_mul_(bits, keeps)

    def check_weights(self) -> None:
        """Raise `MaskBrokenError` unless every removed weight is exactly zero."""
        for weight, keep in self._held:
            _check("weight", weight, weight.parameter.detach(), keep)

    def check_gradients(self) -> None:
        """Raise `MaskBrokenError` unless every removed weight's gradient is exactly zero."""
        for weight, keep in self._held:
            if weight.parameter.grad is not None:
                _check("gradient", weight, weight.parameter.grad, keep)

    def clear_moments(self, optimizer: torch.optim.Optimizer) -> None:
        """Zero the removed weights' Adam moments, which would move them still."""
        for weight, keep, _, moment in self._moments(optimizer):
            weight.view(moment).masked_fill_(~keep.to(moment.device), 0.0)

    def check_moments(self, optimizer: torch.optim.Optimizer) -> None:
        """Raise `MaskBrokenError` unless every removed weight's Adam moments are exactly zero."""
        for weight, keep, name, moment in self._moments(optimizer):
            _check(name, weight, moment, keep)

    def _moments(
        self, optimizer: torch.optim.Optimizer
    ) -> Iterator[tuple[Weight, torch.Tensor, str, torch.Tensor]]:
        for weight, keep in self._held:
            for name, value in optimizer.state.get(weight.parameter, {}).items():
                if isinstance(value, torch.Tensor) and value.shape == weight.parameter.shape:
                    yield weight, keep, name, value


def _check(what: str, weight: Weight, values: torch.Tensor, keep: torch.Tensor) -> None:
    entries = weight.view(values)[~keep.to(values.device)]
    broken = int(torch.count_nonzero(entries))
    if broken:
        what = f"{what} of {weight.matrix.name}"
        # Clipping multiplies every gradient by the norm's factor, and 0 · NaN is NaN.
        if not bool(torch.isfinite(entries).all()):
            raise Diverged(f"{what} is not finite")
        raise MaskBrokenError(f"{what}: {broken} removed entries are not zero")
