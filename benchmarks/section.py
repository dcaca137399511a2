"""A part of the benchmark: what was compared, the costs, and what follows from them."""

from dataclasses import dataclass, field

from benchmarks.contestant import Cost


@dataclass(frozen=True)
class Claim:
    """A number that follows from the costs, and the bound that it has to keep, if there is one.

    What is only aimed at is said, and fails nothing.
    """

    text: str
    value: float
    unit: str = "×"
    at_least: float | None = None
    at_most: float | None = None
    aim: float | None = None

    @property
    def holds(self) -> bool:
        """Tell whether the bound is kept; True without one."""
        if self.at_least is not None and self.value < self.at_least:
            return False
        return self.at_most is None or self.value <= self.at_most

    def words(self) -> str:
        """Return the claim as a line of Markdown."""
        line = f"{self.text}: **{number(self.value)}{self.unit}**"
        if self.at_least is not None:
            line += f" (at least {number(self.at_least)}{self.unit} wanted)"
        if self.at_most is not None:
            line += f" (at most {number(self.at_most)}{self.unit} wanted)"
        if self.aim is not None:
            reached = "reached" if self.value <= self.aim else "not reached"
            line += f" (aim: at most {number(self.aim)}{self.unit}, {reached})"
        return line if self.holds else line + " **NOT MET**"


@dataclass
class Section:
    """Rows of (label, cost), of which the first is what the others are compared with."""

    title: str
    text: str
    rows: list[tuple[str, Cost]] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)

    def markdown(self) -> str:
        """Return the section as Markdown."""
        base = self.rows[0][1]
        lines = [
            f"## {self.title}",
            "",
            self.text,
            "",
            "| | work, s | whole process, s | CPU, s | peak, MiB | work, × ours | peak, × ours |",
            "|---|---:|---:|---:|---:|---:|---:|",
        ]
        lines += [
            f"| {label} | {number(cost.work)} | {number(cost.whole)} | {number(cost.processor)} | "
            f"{cost.peak / 2**20:,.0f} | {number(cost.work / base.work)} | "
            f"{number(cost.peak / base.peak)} |"
            for label, cost in self.rows
        ]
        return "\n".join([*lines, "", *(f"- {claim.words()}" for claim in self.claims), ""])


def number(value: float) -> str:
    """Return a number with three digits that count, or all before the point."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
