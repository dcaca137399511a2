"""What masks cost to find and to fine-tune: times of jobs, as Snakemake's benchmarks have them."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from essential_sparsity.masks.registry import check_mask
from essential_sparsity.masks.trained import Trained
from essential_sparsity.outcomes.columns import CURVE_COLUMNS, MASK_COLUMNS
from essential_sparsity.outcomes.groups import Group, Row
from essential_sparsity.stages import paths
from essential_sparsity.support.files import read_json
from essential_sparsity.support.pipeline import read_benchmark
from essential_sparsity.support.tables import columns

_TIMES = ("seconds", "cpu_seconds")

# The table `cost`, a row a run under a sparse mask; see `cost_rows`.
COST = pa.schema(
    [
        *CURVE_COLUMNS,
        *MASK_COLUMNS,
        *columns(pa.int64(), "seed", "mask_jobs"),
        *columns(pa.float64(), *(f"{what}_{time}" for what in ("mask", "run") for time in _TIMES)),
    ]
)

# Where the benchmarks of jobs lie.
MASK_JOB = paths.BENCHMARK.format(record=paths.MASK_RECORD)
REWIND_JOB = paths.BENCHMARK.format(record=paths.REWIND)
RUN_JOB = paths.BENCHMARK.format(record=paths.RUN)


def cost_rows(root: Path, group: Group) -> Iterator[Row]:
    """Yield the rows of the table `cost` for one group, controls and dense masks left out.

    `mask_seconds` add up the jobs that led to the mask: of a ticket its rounds up to it, and the
    training to the step that it is rewound to. `run_seconds` is the fine-tuning afterwards. What no
    benchmark says, since the file is not there or has no such number, is None.
    """
    for index in (index for indices in group.curves().values() for index in indices):
        for run in group.runs[index]:
            place = {key: run.metrics[key] for key in ("model", "task", "recipe", "seed")}
            mask = run.metrics["mask"]
            jobs = mask_jobs(root, group.model, mask)
            yield {
                **group.names(index),
                **place,
                "mask_jobs": len(jobs) or None,
                **_times(root, "mask", jobs),
                **_times(root, "run", [RUN_JOB.format(**place, mask=mask)]),
            }


def _times(root: Path, what: str, jobs: list[str]) -> dict[str, float | None]:
    """Return wall and CPU seconds of the jobs' last executions, added up if all are known."""
    benchmarks = [read_benchmark(root / job) for job in jobs]
    times: dict[str, float | None] = {}
    for time in _TIMES:
        found = [getattr(benchmark, time) for benchmark in benchmarks]
        times[f"{what}_{time}"] = sum(found) if found and None not in found else None
    return times


def mask_jobs(root: Path, model: str, name: str) -> list[str]:
    """Return the benchmarks of the jobs that led to a mask; none if its manifest is not there."""
    path = root / paths.MASK_MANIFEST.format(model=model, mask=name)
    if not path.exists():
        return []
    mask = check_mask(read_json(path, "mask manifest").get("spec"), f"{path}: spec")
    jobs = [MASK_JOB.format(model=model, mask=name)]
    if not isinstance(mask, Trained):
        return jobs
    if mask.rewind_step:
        place = {"task": mask.task, "recipe": mask.recipe, "seed": mask.seed}
        jobs.append(REWIND_JOB.format(model=model, step=mask.rewind_step, **place))
    begun = mask.previous()
    while isinstance(begun, Trained):
        jobs.append(MASK_JOB.format(model=model, mask=begun.name))
        begun = begun.previous()
    return jobs
