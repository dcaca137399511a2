"""Holds a mask while a model trains: removed weights are zero and stay exactly zero.

Only the gradient has to be masked. A weight that starts at 0 and whose gradient is always 0 has
Adam moments of 0 and an update of 0; decoupled weight decay multiplies 0. So the optimiser runs
unchanged and pays nothing, and gradient clipping sees the sparse network's norm. All gradients are
masked at once, after the backward pass: a hook on each takes more than twice the time.
"""

from collections.abc import Iterable, Iterator

import torch

from essential_sparsity.masks.mask import Mask
from essential_sparsity.runs.divergence import Diverged
from essential_sparsity.runs.model import Weight

# Integers as wide as a gradient's floats, by bytes.
_BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


class MaskBrokenError(RuntimeError):
    """A removed weight, its gradient or its Adam moment is not exactly zero: a defect."""


class HeldMask:
    """The mask of a model in training."""

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
