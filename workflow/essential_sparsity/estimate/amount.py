"""Numbers that say what they leave out."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Amount:
    """A number, and the facts that are unknown and therefore not in it.

    An unknown fact counts nothing and is remembered: a sum that has one is a lower bound, and a
    product with one is 0 and unknown.
    """

    value: float = 0.0
    unknown: frozenset[str] = frozenset()

    @classmethod
    def of(cls, value: float | None, fact: str) -> "Amount":
        """Return a fact's value; `fact` names it where the value is None."""
        return cls(unknown=frozenset({fact})) if value is None else cls(value)

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.value + other.value, self.unknown | other.unknown)

    def __mul__(self, other: "Amount | float") -> "Amount":
        other = other if isinstance(other, Amount) else Amount(other)
        return Amount(self.value * other.value, self.unknown | other.unknown)

    def at_most(self, limit: float | None) -> "Amount":
        """Return the amount, or the limit if there is one and it is below."""
        known = limit is not None and not self.unknown
        return Amount(min(self.value, limit)) if known and limit is not None else self

    def text(self, decimals: int = 0, unit: float = 1.0) -> str:
        """Return the number in `unit`s: `12`, `> 12` if something is left out, or `unknown`."""
        if self.unknown and not self.value:
            return "unknown"
        return f"{'> ' if self.unknown else ''}{self.value / unit:,.{decimals}f}"


def total(amounts: Iterable[Amount]) -> Amount:
    """Return the sum."""
    return sum(amounts, Amount())
