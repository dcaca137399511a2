"""The tolerances that a study looks at: the main ε, others in points, and shares of a score."""

from collections.abc import Iterator
from dataclasses import dataclass

from essential_sparsity.statistics.spec import StatisticsSpec


@dataclass(frozen=True)
class Tolerance:
    """A drop that counts as none: `epsilon` in points, also where it is a share of the score."""

    epsilon: float
    text: str
    relative: bool = False
    main: bool = False


def tolerances(settings: StatisticsSpec, dense_score: float) -> Iterator[Tolerance]:
    """Yield the main tolerance, then the others in the order of the settings, none twice.

    A relative one is of this dense score as it was measured: its own noise, a hundredth of the
    score's, is passed over. Of a score that is not positive there is none.
    """
    yield Tolerance(settings.epsilon, in_points(settings.epsilon), main=True)
    for epsilon in dict.fromkeys(settings.epsilons):
        if epsilon != settings.epsilon:
            yield Tolerance(epsilon, in_points(epsilon))
    for percent in dict.fromkeys(settings.relative_epsilons):
        if dense_score > 0:
            text = f"{percent:g} % of dense"
            yield Tolerance(percent / 100 * dense_score, text, relative=True)


def in_points(epsilon: float) -> str:
    """Return a tolerance in words.

    >>> in_points(1), in_points(0.5)
    ('1 point', '0.5 points')
    """
    return f"{epsilon:.3g} point{'' if epsilon == 1 else 's'}"
