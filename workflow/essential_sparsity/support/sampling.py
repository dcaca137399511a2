"""How often Snakemake looks at what a job uses."""

import snakemake.benchmark
from snakemake.benchmark import BenchmarkTimer

# In seconds. A look costs about a millisecond.
INTERVAL = 1


def sample_often() -> None:
    """Let Snakemake's benchmarks of this process look at a job once a second.

    It looks every half minute once the first 15 seconds are over, has no setting for that, and
    what a job computes after the last look is lost: half of the CPU time of one of half a minute.
    """

    def timer(pid: int, record: object, _: float) -> BenchmarkTimer:
        return BenchmarkTimer(pid, record, INTERVAL)

    snakemake.benchmark.BenchmarkTimer = timer
