"""Labels of masks made short: what several masks have in common is said once, below the figure."""

from collections.abc import Iterable
from dataclasses import dataclass

from essential_sparsity.drawing import layout, style


@dataclass(frozen=True)
class MaskLabels:
    """`short` has each label without what `key` says of all masks or of those of one criterion."""

    short: dict[str, str]
    key: str = ""

    @classmethod
    def fit(cls, labels: Iterable[str], width: float) -> "MaskLabels":
        """Return the labels as they are if each fits into a line of `width` inches, else shortened.

        A label is a criterion, then what else says which mask it is, with commas between.
        """
        names = list(dict.fromkeys(labels))
        if all(layout.text_width(name, style.TEXT_SIZE) <= width for name in names):
            return cls({name: name for name in names})
        return cls._shorten(names)

    @classmethod
    def _shorten(cls, names: list[str]) -> "MaskLabels":
        parts = {name: name.split(", ") for name in names}
        of_all = _shared(list(parts.values()))
        short, keys = {}, {"all masks": of_all}
        for name, (criterion, *rest) in parts.items():
            alike = [other for other in parts.values() if other[0] == criterion]
            shared = [part for part in _shared(alike) if part not in of_all]
            if shared:
                keys[criterion] = shared
            left = [part for part in rest if part not in of_all and part not in shared]
            short[name] = ", ".join([criterion, *left])
        words = [f"{what}: {', '.join(shared)}" for what, shared in keys.items() if shared]
        return cls(short, "; ".join(words))


def _shared(labels: list[list[str]]) -> list[str]:
    """Return the parts behind the criterion that all of several labels have, in their order."""
    if len(labels) < 2:
        return []
    return [part for part in labels[0][1:] if all(part in other[1:] for other in labels)]
