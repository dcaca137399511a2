"""Series of numbers as one line of text, a character a number."""

import sys
from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-~=+*#"  # from the foot of a line upwards, then by ink


def draw_sparkline(values: Sequence[float], lowest: float, highest: float) -> str:
    """Return a character for each of the values, which lie between `lowest` and `highest`."""
    ramp = _ramp()
    scale = (len(ramp) - 1) / (highest - lowest) if highest > lowest else 0.0
    return "".join(ramp[round(scale * (value - lowest))] for value in values)


def _ramp() -> str:
    try:
        _BLOCKS.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return _ASCII
    return _BLOCKS
