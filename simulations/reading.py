"""What the outcomes of the validation say, in words: every number is theirs."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from simulations.trial import Outcome, Setting
from simulations.truth import REFINED, STEEPER, TRUTHS, VALIDATED
from simulations.words import span, wrap

Outcomes = dict[Setting, dict[str, list[Outcome]]]

# Of a share among the data sets that were called sharp: how many of them must be.
_ENOUGH = 0.5

_DROPS = """\
**Drops.** With three seeds or more, their intervals hold the truth in {differ} of cases where seeds
differ, and in {alike} where they do not (a spread of 0): intervals allow for a spread that few
seeds would not show. Two seeds have {two}, by intervals too wide to be of much use. **One seed**
has {one_alike} where seeds are all alike and {one} where they differ: nothing in its runs tells how
much."""

_TURNS = """\
**Turns.** With two seeds or more, intervals of the essential sparsity hold the turn of the line
through the grid's points in {line} of cases, curve by curve. The estimate of where a plateau ends
is too small, and more so the noisier the curve, since a monotone fit mixes its end with what noise
has put before it: the bias of *hinge* is {bias} points. The interval's lower end shares that bias,
its upper end was made not to: else the turn of *hinge* would lie above it too often. *Early* turns
at the grid's very end, and its mean bias is of those that were not found below it."""

_BETWEEN = """\
**Between two sparsities** of the grid nothing was run, and the interval is of where the *line*
through the points crosses ε. Where the curve bends between two neighbouring sparsities, the truth
can lie elsewhere between these two, by up to the step; and as runs grow the interval shrinks around
the line's crossing. The turn of *{coarse}* is {turn:g} %, the line's {on_grid:g} %; intervals of
five seeds held the true turn in {falling}. What helps is runs at other sparsities, not more at the
same ones: with steps of 2.5 points around the turn (*{refined}*) it is {finer}, with two seeds or
more. The step is then what can be told: the bend and the turn of *{steeper}* lie within one, the
line turns {apart:.1f} points too early, and intervals hold the true turn in {steep}. So run a finer
grid around the turn, or [search](search.md) with `resolution: 0.025`."""

_NEIGHBOURS = """\
**The sparsities next to the interval** (the grid's at or below its lower end, and at or above its
upper end) hold the true turn between them in {neighbours} of cases, curve by curve, with two seeds
or more (least on *{least}*); on *{coarse}* in {coarse_neighbours}. This needs no finer grid, only a
curve that never falls."""

_CERTIFICATES = """\
**Certificates** are false in no more than {false:.1f} % of cases of a curve (*{falsest}*, of which
they are in {pooled:.1f} % of all settings' cases together). The hardest curves cost ε exactly at a
sparsity of their grid (*line*, *early*, *{refined}*): there this very test, of level 5 %, must not
pass, and chance adds to the rates as said above. Certificates are also rarely given where noise is
not far below ε: a plateau of five sparsities has to pass five tests."""

_SHAPES = """\
**Shapes.** With two seeds or more, a curve that has no hinge was called sharp, or a hinge smooth,
in at most {mistaken:.1f} % of cases; many noisy curves are not resolved."""

_BENDS = """\
**Breakpoints.** With two seeds or more, the interval of a hinge's breakpoint holds it in {bends}
of cases, that of the ratio of slopes in {ratios}, hinge by hinge; where at least half of the curves
are called sharp, in {sharp_bends} and {sharp_ratios} of those. With one seed it is {one_bends} and
{one_ratios}."""


def read(outcomes: Outcomes) -> str:
    """Return the list of what they say."""
    coarse = TRUTHS["hinge off the grid"]
    several = {s: found for s, found in outcomes.items() if s.seeds > 1}
    one = {s: found for s, found in outcomes.items() if s.seeds == 1}
    falsest = _least(several, lambda outcome: not false(outcome))
    three = {s: found for s, found in outcomes.items() if s.seeds > 2}

    def covered(of: Outcomes, which: Callable[[Setting], bool]) -> str:
        means = (_together(found, lambda o: o.covered) for s, found in of.items() if which(s))
        return span(means)

    def bends(of: Outcomes, ratio: bool, sharp: bool = False) -> str:
        chosen = [found for found in _each(of, _HINGES) if not sharp or _sharp(found) >= _ENOUGH]
        shares = (share_of_bends(found, ratio=ratio, sharp=sharp) for found in chosen)
        return span(share for share in shares if share is not None)

    items = (
        _DROPS.format(
            differ=covered(three, lambda s: s.spread > 0),
            alike=covered(three, lambda s: s.spread == 0),
            two=covered(several, lambda s: s.seeds == 2),
            one_alike=covered(one, lambda s: s.spread == 0),
            one=covered(one, lambda s: s.spread > 0),
        ),
        _TURNS.format(
            line=_shares(several, hit),
            bias=span(_biases(_each(several, ["hinge"])), "{:+.1f}", ""),
        ),
        _BETWEEN.format(
            coarse=coarse.name,
            turn=100 * coarse.turn,
            on_grid=100 * coarse.turn_on_grid,
            falling=_falling(outcomes, coarse.name),
            refined=REFINED.name,
            finer=_shares(several, held, [REFINED.name]),
            steeper=STEEPER.name,
            apart=100 * (STEEPER.turn - STEEPER.turn_on_grid),
            steep=_shares(several, held, [STEEPER.name]),
        ),
        _NEIGHBOURS.format(
            neighbours=_shares(several, between),
            least=_least(several, between),
            coarse=coarse.name,
            coarse_neighbours=_shares(several, between, [coarse.name]),
        ),
        _CERTIFICATES.format(
            false=max((share(found, false) for found in _each(several)), default=0),
            falsest=falsest,
            pooled=np.mean([share(found, false) for found in _each(several, [falsest])] or [0]),
            refined=REFINED.name,
        ),
        _SHAPES.format(mistaken=_mistaken(several)),
        _BENDS.format(
            bends=bends(several, ratio=False),
            ratios=bends(several, ratio=True),
            sharp_bends=bends(several, ratio=False, sharp=True),
            sharp_ratios=bends(several, ratio=True, sharp=True),
            one_bends=bends(one, ratio=False),
            one_ratios=bends(one, ratio=True),
        ),
    )
    return "\n".join(wrap(item, "- ") for item in items) + "\n"


_HINGES = [name for name, truth in VALIDATED.items() if truth.hinge is not None]


def hit(outcome: Outcome) -> bool:
    """Tell whether the interval held the turn of the line through the grid's points."""
    return not (outcome.below or outcome.above)


def held(outcome: Outcome) -> bool:
    """Tell whether it held the true turn."""
    return outcome.held


def between(outcome: Outcome) -> bool:
    """Tell whether the sparsities of the grid next to the interval held the true turn."""
    return outcome.neighbours


def false(outcome: Outcome) -> bool:
    """Tell whether the certificate was false."""
    return outcome.false


def share(found: Sequence[Outcome], measure: Callable[[Outcome], float]) -> float:
    """Return the mean of what `measure` finds, in percent."""
    return 100 * float(np.mean([measure(outcome) for outcome in found]))


def share_of_bends(found: Sequence[Outcome], *, ratio: bool, sharp: bool) -> float | None:
    """Return how often the interval held the breakpoint or the ratio of slopes, in percent.

    Args:
        found: of one hinge.
        ratio: the ratio, not the breakpoint.
        sharp: only of the data sets whose turn was called sharp.

    Returns:
        None where there is none.
    """
    chosen = [o.bend for o in found if o.bend and (o.shape == "sharp" or not sharp)]
    hits = [bend.ratio if ratio else bend.breakpoint for bend in chosen]
    return 100 * float(np.mean(hits)) if hits else None


def _each(outcomes: Outcomes, names: Iterable[str] = tuple(VALIDATED)) -> list[list[Outcome]]:
    """Return the outcomes of every setting and curve of these names."""
    return [by_curve[name] for by_curve in outcomes.values() for name in names]


def _shares(
    outcomes: Outcomes,
    measure: Callable[[Outcome], float],
    names: Iterable[str] = tuple(VALIDATED),
) -> str:
    return span(share(found, measure) for found in _each(outcomes, names))


def _least(outcomes: Outcomes, measure: Callable[[Outcome], float]) -> str:
    """Return the name of the curve of which the share is least in any setting."""
    by_name = {name: [share(f, measure) for f in _each(outcomes, [name])] for name in VALIDATED}
    return min(by_name, key=lambda name: min(by_name[name], default=100))


def _together(by_curve: dict[str, list[Outcome]], measure: Callable[[Outcome], float]) -> float:
    return float(np.mean([share(found, measure) for found in by_curve.values()]))


def _biases(of: list[list[Outcome]]) -> list[float]:
    biases = [[o.bias for o in found if o.bias is not None] for found in of]
    return [100 * float(np.mean(each)) for each in biases if each]


def _falling(outcomes: Outcomes, name: str) -> str:
    """Return in how many cases five seeds' intervals held the true turn, setting by setting."""
    chosen = sorted((s for s in outcomes if s.seeds == 5), key=lambda s: (s.examples, -s.spread))
    shares = (
        f"{share(outcomes[s][name], held):.1f} % (of {s.examples:,} examples, spread {s.spread:g})"
        for s in chosen
    )
    return ", ".join(shares) or "–"


def _sharp(found: list[Outcome]) -> float:
    return float(np.mean([outcome.shape == "sharp" for outcome in found]))


def _mistaken(outcomes: Outcomes) -> float:
    """Return the largest share of a curve's data sets whose turn was called what it is not."""
    wrong = {name: "smooth" if name in _HINGES else "sharp" for name in VALIDATED}
    shares = [
        100 * [outcome.shape for outcome in by_curve[name]].count(shape) / len(by_curve[name])
        for by_curve in outcomes.values()
        for name, shape in wrong.items()
    ]
    return max(shares, default=0)
