"""`docs/validation.md`, of what was simulated."""

from collections.abc import Callable

import numpy as np

from simulations.reading import Outcomes, between, held, hit, read, share, share_of_bends
from simulations.trial import Outcome, Setting
from simulations.truth import DENSE, EPSILON, GRID, VALIDATED

_HEAD = """\
# Validation of the estimators

Do 95 % intervals hold the truth in 95 % of cases, and are at most 5 % of the certificates false?
Curves whose turning points are known were simulated and given to the estimators of
[protocol.md](protocol.md#the-essential-sparsity). Made by

```sh
make validation
```

in {minutes:.0f} minutes of processor time on {machine}
{sets} data sets a setting, {resamples} resamples each; a rate of 95 % is off by up to ± {error:.1f}
points by chance.

Answers are right or wrong; the dense model has {dense:g} % right, a constant answer 50 %. What
makes an answer right is in part the example's own, so that two runs of equal score disagree on one
answer in seven. Every run's probability of a right answer varies from seed to seed; *seeds' spread*
is its standard deviation as a multiple of a score's sampling error, which is {one:.1f} points for
2,000 examples. Sparsities are {first:g} to {last:g} % in steps of 10 if the curve does not say
otherwise, ε is {epsilon:g} point. *Line turns at*: where the line through the true drops at these
sparsities does, which is all that runs at them can tell.

| curve | its drop | turns at | line turns at |
|---|---|---:|---:|
{curves}

## What it says

"""


def render(outcomes: Outcomes, *, sets: int, resamples: int, seconds: float, machine: str) -> str:
    """Return the document.

    Args:
        outcomes: setting → curve → an outcome a data set.
        sets, resamples: how many there were.
        seconds: of processor time that it took.
        machine: on what, a paragraph.
    """
    curves = "\n".join(
        f"| {truth.name} | {truth.text} | {_turn(truth.turn)} | {_turn(truth.turn_on_grid)} |"
        for truth in VALIDATED.values()
    )
    head = _HEAD.format(
        minutes=max(1, seconds / 60),
        machine=machine,
        sets=sets,
        resamples=resamples,
        error=200 * np.sqrt(0.95 * 0.05 / sets),
        dense=DENSE,
        one=100 * np.sqrt(DENSE / 100 * (1 - DENSE / 100) / 2000),
        first=100 * GRID[0],
        last=100 * GRID[-1],
        epsilon=EPSILON,
        curves=curves,
    )
    return "\n".join(
        (head + read(outcomes), _together(outcomes), _curves(outcomes), _hinges(outcomes))
    )


def _turn(turn: float) -> str:
    if np.isfinite(turn):
        return f"{100 * turn:.1f} %"
    return f"> {100 * GRID[-1]:g} %" if turn > 0 else f"< {100 * GRID[0]:g} %"


_TOGETHER = """\
## All curves together

*Drop in its interval*: of all points of a curve. *Line's turn* and *true turn*: how often the
interval of the essential sparsity held where the line through the grid's points turns, and where
the curve itself does; *neighbours*: how often the sparsities of the grid next to the interval held
the true turn between them. *False certificates*: of a sparsity whose true drop is ε or more. All
are of all curves; false certificates also of the one where they are most frequent.

| seeds | examples | seeds' spread | drop in its interval | line's turn | true turn | neighbours \
| false certificates | at most |
|---:|---:|---:|---:|---:|---:|---:|---:|---:|
"""

_CURVES = """\
## Curve by curve

*Line's turn*, *true turn* and *neighbours* as above; *below* and *above*: how often the line's turn
was on that side of the interval. *Bias*: mean of estimate − true turning point, in points of
sparsity, where neither is off the grid. *Certified*: how often a sparsity was, and the mean one
in %, 0 where none was. *Sharp*, *smooth*: how often the turn was called so; else it is not
resolved.

| seeds | examples | seeds' spread | curve | line's turn | below | above | true turn | neighbours \
| bias | certified | mean | false | sharp | smooth |
|---:|---:|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
"""

_HINGES = """\
## Breakpoints of hinges

How often the 95 % interval held the true *breakpoint*, and the true *ratio* of the slopes after and
before it, which is infinite if the curve does not rise before: then an interval holds it that ends
at infinity. *If sharp*: of the data sets whose turn was called sharp.

| seeds | examples | seeds' spread | curve | breakpoint | ratio | sharp | breakpoint, if sharp \
| ratio, if sharp |
|---:|---:|---:|---|---:|---:|---:|---:|---:|
"""


def _together(outcomes: Outcomes) -> str:
    lines = []
    for setting, by_curve in outcomes.items():
        every = [outcome for found in by_curve.values() for outcome in found]
        false = [share(found, lambda o: o.false) for found in by_curve.values()]
        shares = [share(every, measure) for measure in (lambda o: o.covered, hit, held, between)]
        certified = [float(np.mean(false)), max(false)] if setting.seeds > 1 else [None, None]
        cells = [*shares, *certified]
        lines.append(f"| {_setting(setting)} | {' | '.join(map(_percent, cells))} |")
    return _TOGETHER + "\n".join(lines) + "\n"


def _curves(outcomes: Outcomes) -> str:
    return _CURVES + _rows(outcomes, _row)


def _hinges(outcomes: Outcomes) -> str:
    return _HINGES + _rows(
        {
            setting: {n: found for n, found in by_curve.items() if VALIDATED[n].hinge is not None}
            for setting, by_curve in outcomes.items()
        },
        _hinge_row,
    )


def _rows(outcomes: Outcomes, cells: Callable[[list[Outcome]], str]) -> str:
    """Return a row for every setting and curve."""
    return "".join(
        f"| {_setting(setting)} | {name} | {cells(found)} |\n"
        for setting, by_curve in outcomes.items()
        for name, found in by_curve.items()
    )


def _setting(setting: Setting) -> str:
    return f"{setting.seeds} | {setting.examples:,} | {setting.spread:g}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1f} %"


def _row(found: list[Outcome]) -> str:
    shapes = [outcome.shape for outcome in found]
    biases = [outcome.bias for outcome in found if outcome.bias is not None]
    measures = (hit, lambda o: o.below, lambda o: o.above, held, between)
    cells = [_percent(share(found, measure)) for measure in measures]
    cells.append(f"{100 * np.mean(biases):+.1f}" if biases else "")
    if all(outcome.certified is None for outcome in found):
        cells += ["–", "", "–"]
    else:
        mean = np.mean([outcome.certified or 0 for outcome in found])
        cells += [
            f"{share(found, lambda o: bool(o.certified)):.0f} %",
            f"{100 * mean:.0f}",
            _percent(share(found, lambda o: o.false)),
        ]
    cells += [f"{100 * shapes.count(shape) / len(shapes):.0f} %" for shape in ("sharp", "smooth")]
    return " | ".join(cells)


def _hinge_row(found: list[Outcome]) -> str:
    every, sharp = (
        [_percent(share_of_bends(found, ratio=ratio, sharp=only)) for ratio in (False, True)]
        for only in (False, True)
    )
    called = f"{share(found, lambda o: o.shape == 'sharp'):.0f} %"
    return " | ".join([*every, called, *sharp])
