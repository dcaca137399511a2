"""A curve's bootstrap: all statistics of ten sparsities, five seeds and ten thousand examples."""

from typing import Any

from benchmarks.contestant import measure
from benchmarks.section import Claim, Section

_SPARSITIES = 10
_SEEDS = 5
_EXAMPLES = 10_000
_RESAMPLES = 10_000


def compare_bootstraps(repeats: int, share: float = 1.0) -> Section:
    """Compare with scipy's bootstrap of some resamples, scaled to all of them.

    Args:
        repeats: of ours.
        share: of the examples and resamples, to try it.
    """
    examples, resamples = int(share * _EXAMPLES), int(share * _RESAMPLES)
    size: dict[str, Any] = {"masks": 1 + _SPARSITIES, "seeds": _SEEDS, "examples": examples}
    few = max(2, int(share * 50))
    ours = measure("bootstrap.ours", repeats, resamples=resamples, **size)
    start = measure("bootstrap.scipy", 1, resamples=few, **size)
    more = measure("bootstrap.scipy", 1, resamples=3 * few, **size)
    scipy = start.extended(more, (resamples - few) / (2 * few))
    return Section(
        f"A curve's bootstrap, {resamples:,} resamples",
        f"{_SPARSITIES} sparsities and the dense model, {_SEEDS} seeds, {examples:,} examples, of "
        "which each is right or wrong, on one thread. Ours resamples seeds and examples and makes "
        "every row of the tables of it: drops and their intervals, essential sparsities of four "
        "tolerances, fitted in every resample, certificates and sharpness. "
        "`scipy.stats.bootstrap` resamples the examples of all runs as pairs and gives intervals "
        f"of the drops alone; measured on {few} and {3 * few} resamples and scaled.",
        [("ours", ours), ("`scipy.stats.bootstrap`, scaled", scipy)],
        [
            Claim("ours, within the process", ours.work, " s", at_most=60),
            Claim("our peak memory", ours.peak / 2**30, " GiB", at_most=1),
            Claim("scipy's time over ours, within the process", scipy.work / ours.work),
        ],
    )
