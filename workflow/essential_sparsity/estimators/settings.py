"""What estimates are asked for: the tolerances, the level of intervals, how many resamples."""

from collections.abc import Iterator
from dataclasses import dataclass

from essential_sparsity.estimators.words import in_points


@dataclass(frozen=True)
class Settings:
    """How intervals and the essential sparsity are computed.

    Attributes:
        epsilon: the main tolerance, a drop that counts as none, in points.
        epsilons: further ones, in points.
        relative_epsilons: further ones, in percent of the dense score.
        confidence: level of every interval.
        resamples: of the bootstrap.

    >>> import essential_sparsity as es
    >>> settings = es.Settings(epsilon=2, epsilons=(1,))
    >>> [(tolerance.text, tolerance.epsilon) for tolerance in settings.tolerances(dense_score=80)]
    [('2 points', 2), ('1 point', 1), ('1 % of dense', 0.8)]
    """

    epsilon: float = 1.0
    epsilons: tuple[float, ...] = (0.5, 1.0, 2.0)
    relative_epsilons: tuple[float, ...] = (1.0,)
    confidence: float = 0.95
    resamples: int = 2000

    def tolerances(self, dense_score: float) -> "Iterator[Tolerance]":
        """Yield the main tolerance, then the others in their order, none twice.

        A relative one is of this dense score as it was measured: its own noise, a hundredth of the
        score's, is passed over. Of a score that is not positive there is none.
        """
        yield Tolerance(self.epsilon, in_points(self.epsilon), main=True)
        for epsilon in dict.fromkeys(self.epsilons):
            if epsilon != self.epsilon:
                yield Tolerance(epsilon, in_points(epsilon))
        for percent in dict.fromkeys(self.relative_epsilons):
            if dense_score > 0:
                text = f"{percent:g} % of dense"
                yield Tolerance(percent / 100 * dense_score, text, relative=True)


@dataclass(frozen=True)
class Tolerance:
    """A drop that counts as none: `epsilon` in points, also where it is a share of the score."""

    epsilon: float
    text: str
    relative: bool = False
    main: bool = False
