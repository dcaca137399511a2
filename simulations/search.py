"""Holds the search against the full grid of its resolution, on simulated curves."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from essential_sparsity.search.decision import Curve, Decision, cost, decide
from essential_sparsity.search.spec import FIRST_SEEDS, SearchSpec
from essential_sparsity.statistics.bootstrap import named_generator
from essential_sparsity.statistics.curve import Curve as MeasuredCurve
from essential_sparsity.statistics.curve import Row, Scores
from essential_sparsity.statistics.spec import StatisticsSpec
from essential_sparsity.statistics.spread import Floats
from simulations.command import Arguments, read_arguments
from simulations.trial import (
    CHANCE,
    ROUNDING,
    Setting,
    accuracy,
    draw_answers,
    settings_of,
    sparsity_of,
)
from simulations.truth import EPSILON, TRUTHS, Truth

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


class OnLattice(Truth):
    """A curve at all sparsities that the search may try."""

    @property
    def drops(self) -> Floats:
        """(points,) at `LATTICE`."""
        return self.drop(LATTICE)

    @property
    def turn(self) -> float:
        """The largest sparsity whose drop is at most ε, the points joined by lines."""
        drops = self.drops
        return float(np.interp(EPSILON, drops, LATTICE)) if drops[-1] > EPSILON else np.inf


def on_lattice(name: str) -> OnLattice:
    """Return one of the simulated curves."""
    truth = TRUTHS[name]
    return OnLattice(truth.name, truth.text, truth.drop)


@dataclass(frozen=True)
class Outcome:
    """What the grid and the search make of the same answers: their rows of `essential`."""

    grid: Row
    search: Row
    runs: int
    rounds: int


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
    fresh = tuple(range(seeds, seeds + SEARCH.certify))
    tested = dict.fromkeys(last.certification, fresh)
    chosen = {place: tuple(range(count)) for place, count in last.seeds.items()}
    every = {p: chosen.get(p, ()) + tested.get(p, ()) for p in sorted({*chosen, *tested})}
    return Outcome(
        grid=answers.essential({p: range(seeds) for p in range(1, len(LATTICE) + 1)}),
        search=answers.essential(every, tested),
        runs=cost(last.seeds) + (len(tested) + 1) * SEARCH.certify,
        rounds=len(decisions) + 1,
    )


def _search(answers: "_Answers", seeds: int) -> Iterator[Decision]:
    first = [LATTICE.tolist().index(sparsity) + 1 for sparsity in SEARCH.beginning()]
    wanted: Mapping[int, int] = dict.fromkeys(first, min(FIRST_SEEDS, seeds))
    settled = False
    while not settled:
        scores = answers.scores({place: range(wanted[place]) for place in sorted(wanted)})
        decision = decide(
            Curve.of(scores.curve(sorted(wanted), range(1, len(wanted) + 1))),
            SEARCH,
            epsilon=EPSILON,
            confidence=scores.settings.confidence,
            seeds=seeds,
        )
        yield decision
        wanted, settled = decision.seeds, decision.settled


@dataclass(frozen=True)
class _Answers:
    """Answers (masks, seeds, examples, 1) of the dense model and at all places of the lattice."""

    answers: Floats
    settings: StatisticsSpec
    name: str

    def scores(self, seeds: Mapping[int, Iterable[int]]) -> Scores:
        """Resample those of place → seeds, the dense ones of all these seeds first."""
        chosen = {place: tuple(of) for place, of in seeds.items()}
        dense = tuple(sorted({seed for of in chosen.values() for seed in of}))
        return Scores.of_uneven(
            [{s: self.answers[place, s] for s in of} for place, of in {0: dense, **chosen}.items()],
            accuracy,
            self.settings,
            lambda: named_generator("resamples", self.name),
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

    def _curve(
        self, seeds: Mapping[int, Iterable[int]], certifying: MeasuredCurve | None = None
    ) -> MeasuredCurve:
        sparsities = LATTICE[np.array(list(seeds)) - 1]
        return self.scores(seeds).curve(sparsities, range(1, len(seeds) + 1), certifying)


def describe(truth: OnLattice, setting: Setting, outcomes: list[Outcome]) -> list[str]:
    """Return the cells of the table's row."""
    turn = truth.turn
    grid, search = [o.grid for o in outcomes], [o.search for o in outcomes]
    runs = [outcome.runs for outcome in outcomes]
    all_runs = (len(LATTICE) + 1) * setting.seeds
    apart = np.abs(_column(search, "estimate") - _column(grid, "estimate"))
    return [
        *(truth.name, str(setting.seeds), f"{setting.examples:,}", f"{setting.spread:g}"),
        *(str(all_runs), f"{np.mean(runs):.0f}", str(max(runs))),
        f"{100 * np.mean(runs) / all_runs:.0f} %",
        f"{np.mean([outcome.rounds for outcome in outcomes]):.1f}",
        f"{100 * np.mean(apart <= SEARCH.resolution + ROUNDING):.0f} %",
        *(f"{_error(rows, turn):.1f}" for rows in (grid, search)),
        *(f"{100 * np.mean([_holds(row, turn) for row in rows]):.0f} %" for rows in (grid, search)),
        *(f"{100 * np.mean(_column(rows, 'certified')):.0f}" for rows in (grid, search)),
        f"{100 * np.mean(_column(search, 'certified') > turn + ROUNDING):.1f} %",
    ]


def _column(rows: list[Row], name: str) -> Floats:
    return np.array([row[name] or 0.0 for row in rows])


def _error(rows: list[Row], turn: float) -> float:
    """Return the root mean square error in points of sparsity; off the end, of the end."""
    error = _column(rows, "estimate") - min(turn, LATTICE[-1])
    return float(100 * np.sqrt(np.mean(np.square(error))))


def _holds(row: Row, turn: float) -> bool:
    low, high = sparsity_of(row, "low"), sparsity_of(row, "high")
    return low - ROUNDING <= turn <= high + ROUNDING


def render(arguments: Arguments) -> str:
    """Simulate, and return the table."""
    lines = [
        "| " + " | ".join(_HEADINGS) + " |",
        "|---|" + "---:|" * (len(_HEADINGS) - 1),
    ]
    with arguments.workers() as pool:
        for setting in SETTINGS:
            for name in TRUTHS:
                run = partial(compare, name, setting, arguments.resamples)
                outcomes = list(pool.map(run, range(arguments.sets), chunksize=5))
                cells = describe(on_lattice(name), setting, outcomes)
                lines.append(f"| {' | '.join(cells)} |")
                print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines) + "\n"


def main() -> None:
    """Read the arguments, simulate, print or write."""
    arguments = read_arguments(
        "simulations.search", __doc__, sets=100, of="row", resamples=400, document=DOCUMENT
    )
    table = render(arguments)
    if not arguments.write:
        print(table, end="")
        return
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(_BEGIN)
    DOCUMENT.write_text(before + _BEGIN + table + _END + rest.partition(_END)[2], "utf-8")
    print(f"{DOCUMENT}: written", file=sys.stderr)


if __name__ == "__main__":
    main()
