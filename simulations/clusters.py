"""Holds statistics that know which examples belong together against such as do not.

One evaluation for which nothing is drawn, of examples in clusters: tokens of windows, or questions
on passages. What makes an answer right is in part the cluster's, for all masks alike and for each
on its own.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from essential_sparsity.estimators.bootstrap import named_generator
from essential_sparsity.estimators.curve import Scores
from essential_sparsity.estimators.spread import Floats
from simulations.command import Arguments, read_arguments, write_part
from simulations.trial import CHANCE, COMMON, accuracy, holds, settings_of, sparsity_of
from simulations.truth import DENSE, TRUTHS, Truth
from simulations.words import span, wrap

DOCUMENT = Path(__file__).parents[1] / "docs/validation.md"
BEGIN, END = "<!-- clusters -->\n", "<!-- end of clusters -->\n"

CURVES = ("hinge", "smooth", "early")


@dataclass(frozen=True)
class Setting:
    """So many clusters of so many examples, in the mean where sizes differ, and their correlation.

    `correlation` is the part of what makes an answer right that is the cluster's.
    """

    clusters: int
    size: int
    correlation: float
    sizes_differ: bool = False

    def __str__(self) -> str:
        sizes = "1 to " if self.sizes_differ else ""
        largest = 2 * self.size - 1 if self.sizes_differ else self.size
        return f"{self.clusters:,} of {sizes}{largest}"


SETTINGS = (
    Setting(16, 128, 0.2),
    Setting(64, 128, 0.2),
    Setting(400, 16, 0.0),
    Setting(400, 16, 0.2),
    Setting(1000, 8, 0.2),
    Setting(1000, 8, 0.5),
    Setting(2000, 4, 0.3, sizes_differ=True),
)


@dataclass(frozen=True)
class Outcome:
    """What a data set told, by whether clusters were known (first) or ignored, curve by curve.

    Attributes:
        covered: the share of the grid's points whose drop was in its interval.
        held: whether the interval of the essential sparsity held where the line through the grid's
            points turns.
        certified: whether a sparsity was.
        false: whether its true drop is ε or more.
    """

    covered: tuple[float, ...]
    held: tuple[bool, ...]
    certified: tuple[bool, ...]
    false: tuple[bool, ...]


def draw_answers(
    truths: Sequence[Truth], setting: Setting, generator: np.random.Generator
) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Return answers (masks, 1, examples, 1) in points, the dense ones first, and their clusters.

    An answer is right where a normal variate is below the quantile of the mask's probability. The
    variate is in part the example's, for all masks, and in part the answer's own; of both, a part
    is common to the cluster.
    """
    rights = (DENSE - np.concatenate([[0.0], *(truth.drops for truth in truths)])) / 100
    sizes = np.full(setting.clusters, setting.size)
    if setting.sizes_differ:
        sizes = generator.integers(1, 2 * setting.size, setting.clusters)
    clusters = np.arange(setting.clusters).repeat(sizes)

    def variate(masks: int) -> Floats:
        of_cluster = generator.standard_normal((masks, setting.clusters))[:, clusters]
        single = generator.standard_normal((masks, len(clusters)))
        share = setting.correlation
        found: Floats = np.sqrt(share) * of_cluster + np.sqrt(1 - share) * single
        return found

    both = np.sqrt(COMMON) * variate(1) + np.sqrt(1 - COMMON) * variate(len(rights))
    answers: Floats = 100.0 * (both < ndtri(rights)[:, None])
    return answers[:, None, :, None], clusters


def run_trial(setting: Setting, resamples: int, number: int) -> tuple[Outcome, Outcome]:
    """Simulate the data set `number`; return what is found with clusters, and without."""
    generator = named_generator("clusters", repr(setting), str(number))
    truths = [TRUTHS[name] for name in CURVES]
    answers, clusters = draw_answers(truths, setting, generator)
    runs = [{None: of_mask[0]} for of_mask in answers]
    known, ignored = (
        Scores.of(runs, accuracy, settings_of(resamples), generator, CHANCE, clusters=each)
        for each in (clusters, None)
    )
    return _outcome(truths, known), _outcome(truths, ignored)


def _outcome(truths: Sequence[Truth], scores: Scores) -> Outcome:
    covered, held, certified, false = [], [], [], []
    first = 1
    for truth in truths:
        curve = scores.curve(truth.grid, range(first, first + len(truth.grid)))
        first += len(truth.grid)
        (row,) = curve.essential_rows()
        low, high = zip(*map(scores.interval, curve.samples), strict=True)
        covered.append(float(((low <= truth.drops) & (truth.drops <= high)).mean()))
        held.append(holds(truth.turn_on_grid, sparsity_of(row, "low"), sparsity_of(row, "high")))
        certified.append(bool(row["certified"]))
        false.append(truth.is_false(row["certified"]))
    return Outcome(tuple(covered), tuple(held), tuple(certified), tuple(false))


@dataclass(frozen=True)
class Rates:
    """Of all data sets of a setting, in percent; `false` is that of the worst curve."""

    setting: Setting
    known: bool
    covered: float
    held: float
    certified: float
    false: float

    @classmethod
    def of(cls, setting: Setting, known: bool, outcomes: Sequence[Outcome]) -> "Rates":
        """Return the rates of these outcomes."""
        return cls(
            setting,
            known,
            covered=100 * float(np.mean([outcome.covered for outcome in outcomes])),
            held=100 * float(np.mean([outcome.held for outcome in outcomes])),
            certified=100 * float(np.mean([outcome.certified for outcome in outcomes])),
            false=100 * float(np.mean([outcome.false for outcome in outcomes], axis=0).max()),
        )

    def line(self) -> str:
        """Return its row of the table."""
        cells = (self.covered, self.held, self.certified, self.false)
        return (
            f"| {self.setting} | {self.setting.correlation:g} | "
            f"{'known' if self.known else 'ignored'} | "
            f"{' | '.join(f'{cell:.1f} %' for cell in cells)} |"
        )


_HEAD = """\
## Examples that belong together

One evaluation for which nothing is drawn, of examples in clusters: tokens of a window, questions on
a passage. *Correlation* is the part of what makes an answer right that is the cluster's, for all
masks alike and for each on its own. *Known*: clusters are resampled whole, and certificates count
as many independent examples as the design effect leaves; *ignored*: each example counts by itself.
The curves are {curves}; *false* certificates are of the one where they are most frequent.
{sets} data sets a row, {resamples} resamples each. Made by

```sh
.venv/bin/python -m simulations.clusters --write
```

| clusters | correlation | are | drop in its interval | line's turn | certified | false |
|---|---:|---|---:|---:|---:|---:|
"""

_READING = """\
With clusters known, intervals of drops hold the truth in {covered} of cases, and those of the
essential sparsity the line's turn in {held}. Certificates are false in no more than {false} of
cases of a curve; 16 windows of 128 tokens certify {few} of curves, 64 of them {more}. Where
clusters are ignored though answers within them go together, intervals of drops hold the truth in
{covered_ignored} of cases only, and certificates are false in up to {false_ignored}. Where answers
do not go together (a correlation of 0), little is lost by clusters: {cost} of curves are certified,
and {free} if they are ignored."""


def read(rates: Sequence[Rates]) -> str:
    """Return what the table says, in words: every number is its own."""
    known = [each for each in rates if each.known]
    ignored = [each for each in rates if not each.known and each.setting.correlation]
    apart = [each for each in rates if not each.setting.correlation]
    few, more = known[:1], known[1:2]
    return wrap(
        _READING.format(
            covered=span(each.covered for each in known),
            held=span(each.held for each in known),
            false=span([max(each.false for each in known)]),
            few=span((each.certified for each in few), "{:.0f}"),
            more=span((each.certified for each in more), "{:.0f}"),
            covered_ignored=span(each.covered for each in ignored),
            false_ignored=span([max(each.false for each in ignored)]),
            cost=span((each.certified for each in apart if each.known), "{:.0f}"),
            free=span((each.certified for each in apart if not each.known), "{:.0f}"),
        )
    )


def simulate(arguments: Arguments) -> Iterator[Rates]:
    """Yield the rows of the table."""
    with arguments.workers() as pool:
        for setting in SETTINGS:
            run = partial(run_trial, setting, arguments.resamples)
            outcomes = list(pool.map(run, range(arguments.sets), chunksize=5))
            for known, found in zip((True, False), zip(*outcomes, strict=True), strict=True):
                yield Rates.of(setting, known, found)


def render(rates: Iterable[Rates], sets: int, resamples: int) -> str:
    """Return the section: the table, and what it says."""
    text = _HEAD.format(curves=f"*{'*, *'.join(CURVES)}*", sets=sets, resamples=resamples)
    found = []
    for each in rates:
        found.append(each)
        print(each.line(), file=sys.stderr, flush=True)
    lines = "\n".join(each.line() for each in found)
    return f"{text}{lines}\n\n{read(found)}\n"


def main() -> None:
    """Read the arguments, simulate, print or write."""
    arguments = read_arguments(
        "simulations.clusters", __doc__, sets=600, of="row", resamples=400, document=DOCUMENT
    )
    text = render(simulate(arguments), arguments.sets, arguments.resamples)
    if arguments.write:
        write_part(DOCUMENT, BEGIN, text, END)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
