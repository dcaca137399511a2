"""A part of the benchmark: what was compared, the costs, and what follows from them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from benchmarks.contestant import Cost

# A heading, and what a cost has in that column, beside the cost of the first row.
Column = tuple[str, Callable[[Cost, Cost], str]]


@dataclass(frozen=True)
class Claim:
    """A number that follows from the costs, and the bound that it has to keep, if there is one.

    What is only aimed at is said, and fails nothing; `interval` is the value's 95 % interval.
    """

    text: str
    value: float
    unit: str = "×"
    at_least: float | None = None
    at_most: float | None = None
    aim: float | None = None
    interval: tuple[float, float] | None = None

    @property
    def holds(self) -> bool:
        """Tell whether the bound is kept; True without one."""
        if self.at_least is not None and self.value < self.at_least:
            return False
        return self.at_most is None or self.value <= self.at_most

    def words(self) -> str:
        """Return the claim as a line of Markdown."""
        show = number if self.interval is None else "{:.3f}".format
        line = f"{self.text}: **{show(self.value)}{self.unit}**"
        if self.interval is not None:
            low, high = self.interval
            line += f", 95 % interval {show(low)} to {show(high)}"
        if self.at_least is not None:
            line += f" (at least {number(self.at_least)}{self.unit} wanted)"
        if self.at_most is not None:
            line += f" (at most {number(self.at_most)}{self.unit} wanted)"
        if self.aim is not None:
            reached = "reached" if self.value <= self.aim else "not reached"
            line += f" (aim: at most {number(self.aim)}{self.unit}, {reached})"
        return line if self.holds else line + " **NOT MET**"


def number(value: float) -> str:
    """Return a number with three digits that count, or all before the point."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


PROCESS: tuple[Column, ...] = (
    ("work, s", lambda cost, _: number(cost.work)),
    ("whole process, s", lambda cost, _: number(cost.whole)),
    ("CPU, s", lambda cost, _: number(cost.processor)),
    ("peak, MiB", lambda cost, _: f"{cost.peak / 2**20:,.0f}"),
    ("work, × ours", lambda cost, first: number(cost.work / first.work)),
    ("peak, × ours", lambda cost, first: number(cost.peak / first.peak)),
)


@dataclass
class Section:
    """Rows of (label, cost), of which the first is what the others are compared with."""

    title: str
    text: str
    rows: list[tuple[str, Cost]] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    columns: tuple[Column, ...] = PROCESS

    def markdown(self) -> str:
        """Return the section as Markdown."""
        first = self.rows[0][1]
        lines = [
            f"## {self.title}",
            "",
            self.text,
            "",
            _row("", (heading for heading, _ in self.columns)),
            "|---|" + "---:|" * len(self.columns),
        ]
        lines += [
            _row(label, (show(cost, first) for _, show in self.columns))
            for label, cost in self.rows
        ]
        return "\n".join([*lines, "", *(f"- {claim.words()}" for claim in self.claims), ""])


def _row(label: str, cells: Iterable[str]) -> str:
    return "| " + " | ".join([label, *cells]).lstrip() + " |"
