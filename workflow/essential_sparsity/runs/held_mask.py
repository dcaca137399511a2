"""Holds a mask while a model trains: removed weights are zero and stay exactly zero.

Only the gradient has to be masked. A weight that starts at 0 and whose gradient is always 0 has
Adam moments of 0 and an update of 0; decoupled weight decay multiplies 0. So the optimiser runs
unchanged and pays nothing, and gradient clipping sees the sparse network's norm. All gradients are
masked at once, after the backward pass: a hook on each takes more than twice the time.
"""

from collections.abc import Iterable

import torch

from essential_sparsity.checkpoints.manifest import Matrix
from essential_sparsity.masks.mask import Mask
from essential_sparsity.runs.divergence import Diverged

# Integers as wide as a gradient's floats, by bytes.
_BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


class MaskBrokenError(RuntimeError):
    """A removed weight, its gradient or its Adam moment is not exactly zero: a defect."""


class HeldMask:
    """The mask of a model in training."""

    def __init__(self, mask: Mask, parameters: Iterable[tuple[Matrix, torch.nn.Parameter]]) -> None:
        """Zero the removed weights."""
        self._held: list[tuple[str, torch.nn.Parameter, torch.Tensor]] = []
        self.tighten(mask, parameters)

    def tighten(self, mask: Mask, parameters: Iterable[tuple[Matrix, torch.nn.Parameter]]) -> None:
        """Hold `mask` from now on, which removes at least what was removed before."""
        self._held.clear()
        for matrix, parameter in parameters:
            keep = torch.from_numpy(mask.keep(matrix.name)).to(parameter.device)
            if bool(keep.all()):
                continue
            with torch.no_grad():
                parameter.masked_fill_(~keep, 0.0)
            self._held.append((matrix.name, parameter, keep))

    def mask_gradients(self) -> None:
        """Zero the removed weights' gradients: after each backward pass, before they are read."""
        bits, keeps = [], []
        for index, (name, parameter, keep) in enumerate(self._held):
            if keep.device != parameter.device:
                # Trainer moves the model after the mask was set.
                keep = keep.to(parameter.device)
                self._held[index] = (name, parameter, keep)
            if parameter.grad is not None:
                bits.append(parameter.grad.view(_BITS[parameter.grad.element_size()]))
                keeps.append(keep)
        if bits:
            # A product of the bits as integers, times 0 or 1: the floats' own would leave
            # NaN · 0 = NaN, and a fill takes ten times as long on a CPU.
            torch._foreach_mul_(bits, keeps)

    def check_weights(self) -> None:
        """Raise `MaskBrokenError` unless every removed weight is exactly zero."""
        for name, parameter, keep in self._held:
            _check(f"weight of {name}", parameter.detach(), keep)

    def check_gradients(self) -> None:
        """Raise `MaskBrokenError` unless every removed weight's gradient is exactly zero."""
        for name, parameter, keep in self._held:
            if parameter.grad is not None:
                _check(f"gradient of {name}", parameter.grad, keep)

    def clear_moments(self, optimizer: torch.optim.Optimizer) -> None:
        """Zero the removed weights' Adam moments, which would move them still."""
        for _, parameter, keep in self._held:
            for value in optimizer.state.get(parameter, {}).values():
                if isinstance(value, torch.Tensor) and value.shape == keep.shape:
                    value.masked_fill_(~keep.to(value.device), 0.0)

    def check_moments(self, optimizer: torch.optim.Optimizer) -> None:
        """Raise `MaskBrokenError` unless every removed weight's Adam moments are exactly zero."""
        for name, parameter, keep in self._held:
            for key, value in optimizer.state.get(parameter, {}).items():
                if isinstance(value, torch.Tensor) and value.shape == keep.shape:
                    _check(f"{key} of {name}", value, keep)


def _check(what: str, values: torch.Tensor, keep: torch.Tensor) -> None:
    entries = values[~keep.to(values.device)]
    broken = int(torch.count_nonzero(entries))
    if broken:
        # Clipping multiplies every gradient by the norm's factor, and 0 · NaN is NaN.
        if not bool(torch.isfinite(entries).all()):
            raise Diverged(f"{what} is not finite")
        raise MaskBrokenError(f"{what}: {broken} removed entries are not zero")
