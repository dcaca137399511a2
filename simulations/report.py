"""`docs/validation.md`, of what was simulated."""

from collections.abc import Callable, Sequence

import numpy as np

from simulations.trial import Outcome, Setting
from simulations.truth import DENSE, EPSILON, GRID, TRUTHS

Outcomes = dict[Setting, dict[str, list[Outcome]]]

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
2,000 examples. Sparsities are {first:g} to {last:g} % in steps of 10, ε is {epsilon:g} point.

| curve | its drop | turns at |
|---|---|---:|
{curves}

"""


READING = """\
## What it says

- **Drops.** From three seeds on, their intervals hold the truth in 95 to 97 % of cases where seeds
  differ. Where they do not (a spread of 0) it is 98 to 99 %: intervals allow for a spread that few
  seeds would not show. Two seeds have 98 %, by intervals too wide to be of much use. **One seed**
  has 95 % where seeds are all alike and far less where they differ: nothing in its runs tells how
  much.
- **Turns.** Intervals of the essential sparsity hold it in 94 to 100 % of cases, one seed apart;
  most are wider than they need be. The estimate of where a plateau ends is too small, and more so
  the noisier the curve, since a monotone fit mixes its end with what noise has put before it.
  The interval's lower end shares that bias, its upper end was made not to: else the turn
  of *hinge* would lie above it too often. Where a hinge lies between two sparsities of the grid,
  the line through both turns 2.5 points too early besides. *Early* turns at the grid's very end,
  and its mean bias is of those that were not found below it.
- **Certificates** are false in no more than 5 % of cases. *Early* is the hardest of all curves: its
  first sparsity costs ε exactly, so that this very test must not pass. They are also rarely given
  where noise is not far below ε: a plateau of five sparsities has to pass five tests.
- **Shapes.** With two seeds or more, a smooth curve was called sharp, or a hinge smooth, in at most
  1 % of cases; most noisy curves are not resolved.
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
        f"| {truth.name} | {truth.text} | {_turn(truth.turn)} |" for truth in TRUTHS.values()
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
    return head + READING + "\n" + _drops(outcomes) + "\n" + _curves(outcomes)


def _turn(turn: float) -> str:
    if np.isfinite(turn):
        return f"{100 * turn:.1f} %"
    return f"> {100 * GRID[-1]:g} %" if turn > 0 else f"< {100 * GRID[0]:g} %"


def _drops(outcomes: Outcomes) -> str:
    lines = [
        "## All curves together",
        "",
        "*Drop in its interval*: of all points of all curves. *Turn in its interval* and *false",
        "certificates* (a certified sparsity whose true drop is ε or more): of all curves; the "
        "latter also",
        "of the one where they are most frequent.",
        "",
        "| seeds | examples | seeds' spread | drop in its interval | turn in its interval | false "
        "certificates | at most |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for setting, by_curve in outcomes.items():
        every = [outcome for found in by_curve.values() for outcome in found]
        false = [_share(found, lambda o: o.false) for found in by_curve.values()]
        tested = setting.seeds > 1
        lines.append(
            f"| {_setting(setting)} | {_share(every, lambda o: o.covered):.1f} % "
            f"| {_share(every, _hit):.1f} % "
            + (f"| {np.mean(false):.1f} % | {max(false):.1f} % |" if tested else "| – | – |")
        )
    return "\n".join(lines) + "\n"


def _curves(outcomes: Outcomes) -> str:
    lines = [
        "## Curve by curve",
        "",
        "*Turn*: how often the interval held the essential sparsity, as far as the grid joined by "
        "lines tells",
        "it; then how often that was below and above the interval. *Bias*: mean of estimate − "
        "true turning",
        "point, in points of sparsity, where neither is off the grid. *Certified*: how often a "
        "sparsity was,",
        "and the mean one in %, 0 where none was. *Sharp*, *smooth*: how often the turn was called "
        "so; else it",
        "is not resolved.",
        "",
        "| seeds | examples | seeds' spread | curve | turn | below | above | bias | certified "
        "| mean | false | sharp | smooth |",
        "|---:|---:|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {_setting(setting)} | {name} | {_row(found)} |"
        for setting, by_curve in outcomes.items()
        for name, found in by_curve.items()
    ]
    return "\n".join(lines) + "\n"


def _setting(setting: Setting) -> str:
    return f"{setting.seeds} | {setting.examples:,} | {setting.spread:g}"


def _row(found: list[Outcome]) -> str:
    shapes = [outcome.shape for outcome in found]
    biases = [outcome.bias for outcome in found if outcome.bias is not None]
    cells = [
        f"{_share(found, _hit):.1f} %",
        f"{_share(found, lambda o: o.below):.1f} %",
        f"{_share(found, lambda o: o.above):.1f} %",
        f"{100 * np.mean(biases):+.1f}" if biases else "",
    ]
    if all(outcome.certified is None for outcome in found):
        cells += ["–", "", "–"]
    else:
        mean = np.mean([outcome.certified or 0 for outcome in found])
        cells += [
            f"{_share(found, lambda o: bool(o.certified)):.0f} %",
            f"{100 * mean:.0f}",
            f"{_share(found, lambda o: o.false):.1f} %",
        ]
    cells += [f"{100 * shapes.count(shape) / len(shapes):.0f} %" for shape in ("sharp", "smooth")]
    return " | ".join(cells)


def _hit(outcome: Outcome) -> bool:
    return not (outcome.below or outcome.above)


def _share(found: Sequence[Outcome], measure: Callable[[Outcome], float]) -> float:
    return 100 * float(np.mean([measure(outcome) for outcome in found]))
