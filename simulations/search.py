"""Holds the search against the full grid of its resolution, on simulated curves."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from essential_sparsity.estimators.bootstrap import named_generator
from essential_sparsity.estimators.curve import Curve, Row, Scores
from essential_sparsity.estimators.search import FIRST_SEEDS, Decision, cost, decide, locate
from essential_sparsity.estimators.settings import Settings
from essential_sparsity.estimators.spread import Floats
from essential_sparsity.search.spec import SearchSpec
from simulations.command import Arguments, read_arguments, write_part
from simulations.trial import (
    CHANCE,
    Setting,
    accuracy,
    draw_answers,
    holds,
    settings_of,
    sparsity_of,
)
from simulations.truth import EPSILON, ROUNDING, TRUTHS, Truth
from simulations.words import span, wrap

DOCUMENT = Path(__file__).parents[1] / "docs/search.md"
SETTINGS = (
    Setting(3, 500, 0.3),
    Setting(3, 2000, 0.3),
    Setting(3, 10000, 0.3),
    Setting(5, 10000, 0.3),
    Setting(3, 10000, 1),
)
SEARCH = SearchSpec()
LATTICE = np.array(SEARCH.lattice())

_BEGIN, _END = "<!-- simulated -->\n", "<!-- end -->"
_HEADINGS = (
    *("curve", "seeds", "examples", "seeds' spread", "grid's runs", "runs", "at most", "share"),
    *("rounds", "within 2.5", "grid's error", "error", "grid's interval", "interval"),
    *("grid certifies", "certifies", "false"),
)


def on_lattice(name: str) -> Truth:
    """Return one of the simulated curves, at all sparsities that the search may try."""
    return replace(TRUTHS[name], grid=LATTICE)


@dataclass(frozen=True)
class Outcome:
    """What the grid and the search make of the same answers.

    Attributes:
        grid, search: their rows of `essential`.
        runs, rounds: the search's, certification included.
        located: the seeds by which the search chose its sparsities.
        certified: those by which it certified.
    """

    grid: Row
    search: Row
    runs: int
    rounds: int
    located: frozenset[int]
    certified: frozenset[int]


def compare(name: str, setting: Setting, resamples: int, number: int) -> Outcome:
    """Simulate the data set `number` of a curve, and let the search choose among its runs.

    The grid has all sparsities with the setting's seeds, the search some of these, and then as many
    seeds more as certify what it found.
    """
    settings = settings_of(resamples)
    seeds = setting.seeds
    drawn = Setting(seeds + SEARCH.certify, setting.examples, setting.spread)
    generator = named_generator("search", name, str(setting), str(number))
    answers = _Answers(draw_answers([on_lattice(name)], drawn, generator), settings, str(number))
    decisions = list(_search(answers, seeds))
    last = decisions[-1]
    fresh = SEARCH.certification_seeds(tuple(range(seeds)))
    tested = dict.fromkeys(last.certification, fresh)
    chosen = {place: tuple(range(count)) for place, count in last.seeds.items()}
    every = {p: chosen.get(p, ()) + tested.get(p, ()) for p in sorted({*chosen, *tested})}
    return Outcome(
        grid=answers.essential({p: range(seeds) for p in range(1, len(LATTICE) + 1)}),
        search=answers.essential(every, tested),
        runs=cost(last.seeds) + (len(tested) + 1) * SEARCH.certify,
        rounds=len(decisions) + 1,
        located=frozenset(seed for of in chosen.values() for seed in of),
        certified=frozenset(seed for of in tested.values() for seed in of),
    )


def _search(answers: "_Answers", seeds: int) -> Iterator[Decision]:
    first = [LATTICE.tolist().index(sparsity) + 1 for sparsity in SEARCH.beginning()]
    wanted: Mapping[int, int] = dict.fromkeys(first, min(FIRST_SEEDS, seeds))
    settled = False
    while not settled:
        there = {place: wanted[place] for place in sorted(wanted)}
        scores = answers.scores({place: range(count) for place, count in there.items()})
        curve = scores.curve(list(there), range(1, len(there) + 1))
        crossing = locate(
            curve.sparsities,
            curve.drops,
            curve.samples,
            curve.weights,
            epsilon=EPSILON,
            confidence=scores.settings.confidence,
        )
        decision = decide(
            there,
            crossing,
            SEARCH.lattice(),
            budget=SEARCH.budget,
            certify=SEARCH.certify,
            seeds=seeds,
        )
        yield decision
        wanted, settled = decision.seeds, decision.settled


@dataclass(frozen=True)
class _Answers:
    """Answers (masks, seeds, examples, 1) of the dense model and at all places of the lattice."""

    answers: Floats
    settings: Settings
    name: str

    def scores(self, seeds: Mapping[int, Iterable[int]]) -> Scores:
        """Resample those of place → seeds, the dense ones of all these seeds first."""
        chosen = {place: tuple(of) for place, of in seeds.items()}
        dense = tuple(sorted({seed for of in chosen.values() for seed in of}))
        return Scores.of(
            [{s: self.answers[place, s] for s in of} for place, of in {0: dense, **chosen}.items()],
            accuracy,
            self.settings,
            named_generator("resamples", self.name),
            CHANCE,
        )

    def essential(
        self,
        seeds: Mapping[int, Iterable[int]],
        tested: Mapping[int, Iterable[int]] | None = None,
    ) -> Row:
        """Return the row of `essential`; place → seeds, and those with which it is certified."""

        certifying = None if tested is None else self._curve(tested)
        (row,) = self._curve(seeds, certifying).essential_rows()
        return row

    def _curve(self, seeds: Mapping[int, Iterable[int]], certifying: Curve | None = None) -> Curve:
        sparsities = LATTICE[np.array(list(seeds)) - 1]
        return self.scores(seeds).curve(sparsities, range(1, len(seeds) + 1), certifying)


@dataclass(frozen=True)
class Comparison:
    """The outcomes of all data sets of a curve and a setting: a row of the table."""

    truth: Truth
    setting: Setting
    outcomes: Sequence[Outcome]

    @property
    def grids(self) -> list[Row]:
        """The rows of `essential` of the grid."""
        return [outcome.grid for outcome in self.outcomes]

    @property
    def searches(self) -> list[Row]:
        """The rows of `essential` of the search."""
        return [outcome.search for outcome in self.outcomes]

    @property
    def runs(self) -> list[int]:
        """How many the search took, certification included."""
        return [outcome.runs for outcome in self.outcomes]

    @property
    def grid_runs(self) -> int:
        """How many the grid takes, dense ones included."""
        return (len(LATTICE) + 1) * self.setting.seeds

    @property
    def share(self) -> float:
        """The search's runs as a part of the grid's, in percent."""
        return 100 * float(np.mean(self.runs)) / self.grid_runs

    @property
    def within(self) -> float:
        """How often the estimates are within a step of each other, in percent."""
        apart = np.abs(_column(self.searches, "estimate") - _column(self.grids, "estimate"))
        return 100 * float(np.mean(apart <= SEARCH.resolution + ROUNDING))

    def error(self, rows: list[Row]) -> float:
        """Return the root mean square error in points of sparsity; off the end, of the end."""
        error = _column(rows, "estimate") - min(self.truth.turn, LATTICE[-1])
        return float(100 * np.sqrt(np.mean(np.square(error))))

    def held(self, rows: list[Row]) -> float:
        """Return how often the interval held the true turn, in percent."""
        ends = [(sparsity_of(row, "low"), sparsity_of(row, "high")) for row in rows]
        return 100 * float(np.mean([holds(self.truth.turn, low, high) for low, high in ends]))

    @property
    def false(self) -> int:
        """How many of the search's certificates are false."""
        return sum(self.truth.is_false(row["certified"]) for row in self.searches)

    def cells(self) -> list[str]:
        """Return the cells of its row."""
        both = (self.grids, self.searches)
        setting = self.setting
        return [
            *(self.truth.name, str(setting.seeds), f"{setting.examples:,}", f"{setting.spread:g}"),
            *(str(self.grid_runs), f"{np.mean(self.runs):.0f}", str(max(self.runs))),
            f"{self.share:.0f} %",
            f"{np.mean([outcome.rounds for outcome in self.outcomes]):.1f}",
            f"{self.within:.0f} %",
            *(f"{self.error(rows):.1f}" for rows in both),
            *(f"{self.held(rows):.0f} %" for rows in both),
            *(f"{100 * np.mean(_column(rows, 'certified')):.0f}" for rows in both),
            f"{100 * self.false / len(self.outcomes):.1f} %",
        ]


def _column(rows: list[Row], name: str) -> Floats:
    return np.array([row[name] or 0.0 for row in rows])


# Examples by which ε is told from none.
_RESOLVING = 10_000

_READING = """\
With {seeds}, the search takes {shares} of the grid's runs. Where the examples resolve ε
({examples:,} at ε = {epsilon:g}), its error is at most half a point of sparsity above the grid's in
{close} of {resolved} rows, and nowhere more than {resolved_apart}. Estimates agree to a step there
in {agree} of cases, but for the *line* ({line}), which crosses ε so slowly that both are uncertain
by many steps. Where examples are fewer, errors can be of many steps for both: the search's is
larger in {worse} of {rows} rows, by at most {apart}. The grid's {grid_runs} sparse runs of 3 seeds
tell more than the search's {search_runs} or fewer, and its interval is as wide as that takes. With
two seeds or one the share of runs is larger: the first round and certification alone are {two} of
{all_two} and {one} of {all_one} runs."""


def read(comparisons: Sequence[Comparison]) -> str:
    """Return what the table says, in words: every number is its own."""
    resolved = [c for c in comparisons if c.setting.examples >= _RESOLVING]
    others = [c for c in comparisons if c.setting.examples < _RESOLVING]
    seeds = sorted({c.setting.seeds for c in comparisons})
    shares = [[c.share for c in comparisons if c.setting.seeds == count] for count in seeds]
    beginning = len(SEARCH.beginning())
    return wrap(
        _READING.format(
            seeds=" and ".join(map(str, seeds)) + " seeds",
            shares=" and ".join(span(each, "{:.0f}") for each in shares),
            examples=_RESOLVING,
            epsilon=EPSILON,
            close=sum(_apart(c) <= 0.5 for c in resolved),
            resolved=len(resolved),
            resolved_apart=_largest_apart(resolved),
            agree=span((c.within for c in resolved if c.truth.name != "line"), "{:.0f}"),
            line=span((c.within for c in resolved if c.truth.name == "line"), "{:.0f}"),
            worse=sum(_apart(c) > 0 for c in others),
            rows=len(others),
            apart=_largest_apart(others),
            grid_runs=3 * len(LATTICE),
            search_runs=SEARCH.budget - SEARCH.reserve() - 3,
            two=SEARCH.least_budget(beginning, 2),
            all_two=2 * (len(LATTICE) + 1),
            one=SEARCH.least_budget(beginning, 1),
            all_one=len(LATTICE) + 1,
        )
    )


def _apart(comparison: Comparison) -> float:
    return comparison.error(comparison.searches) - comparison.error(comparison.grids)


def _largest_apart(comparisons: Sequence[Comparison]) -> str:
    if not comparisons:
        return "–"
    worst = max(comparisons, key=_apart)
    setting = worst.setting
    return (
        f"{_apart(worst):.1f} points of sparsity (*{worst.truth.name}*, {setting.seeds} seeds of "
        f"{setting.examples:,} examples, spread {setting.spread:g}: "
        f"{worst.error(worst.searches):.1f} in place of {worst.error(worst.grids):.1f})"
    )


def simulate(arguments: Arguments) -> Iterator[Comparison]:
    """Yield the rows of the table."""
    with arguments.workers() as pool:
        for setting in SETTINGS:
            for name in TRUTHS:
                run = partial(compare, name, setting, arguments.resamples)
                outcomes = list(pool.map(run, range(arguments.sets), chunksize=5))
                yield Comparison(on_lattice(name), setting, outcomes)


def render(comparisons: Iterable[Comparison], sets: int, resamples: int) -> str:
    """Return the table and what it says."""
    lines = [f"{sets} data sets a row, {resamples} resamples each.", ""]
    lines += ["| " + " | ".join(_HEADINGS) + " |", "|---|" + "---:|" * (len(_HEADINGS) - 1)]
    found = []
    for comparison in comparisons:
        found.append(comparison)
        lines.append(f"| {' | '.join(comparison.cells())} |")
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join((*lines, "", read(found))) + "\n"


def main() -> None:
    """Read the arguments, simulate, print or write."""
    arguments = read_arguments(
        "simulations.search", __doc__, sets=100, of="row", resamples=400, document=DOCUMENT
    )
    table = render(simulate(arguments), arguments.sets, arguments.resamples)
    if arguments.write:
        write_part(DOCUMENT, _BEGIN, table, _END)
    else:
        print(table, end="")


if __name__ == "__main__":
    main()
