"""Putting the weights of layers on one scale, as scikit-learn's scalers would."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from essential_sparsity.weights.moments import Moments
from essential_sparsity.weights.spec import Scaling


@dataclass(frozen=True)
class Normalisation:
    """A weight w becomes (w − `shift`) / `scale`."""

    shift: float
    scale: float

    @classmethod
    def of(cls, scaling: Scaling, moments: Moments) -> "Normalisation":
        """Return the normalisation of the weights, taken as one vector, that have these moments.

        As in scikit-learn, a scale of 0 is taken for 1.
        """
        shift, scale = _SCALINGS[scaling](moments)
        return cls(shift, scale or 1.0)


_SCALINGS: dict[Scaling, Callable[[Moments], tuple[float, float]]] = {
    "max-abs": lambda moments: (0.0, moments.largest),
    "standard": lambda moments: (moments.mean, moments.sigma),
    # Times √n, so that layers of different size compare: a vector's entries shrink with its length.
    "l2": lambda moments: (0.0, moments.norm / math.sqrt(moments.count)),
}
