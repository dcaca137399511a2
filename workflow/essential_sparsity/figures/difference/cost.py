"""What masks cost to find and to fine-tune: times of jobs, as Snakemake's benchmarks have them."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from essential_sparsity.masks.registry import check_mask
from essential_sparsity.masks.trained import Trained
from essential_sparsity.outcomes.columns import CURVE_COLUMNS, MASK_COLUMNS
from essential_sparsity.outcomes.groups import Group, Row
from essential_sparsity.stages import paths
from essential_sparsity.support.files import read_json
from essential_sparsity.support.pipeline import read_benchmark

_TIMES = ("seconds", "cpu_seconds")

# The table `cost`, a row a run under a sparse mask; see `cost_rows`.
COST = pa.schema(
    [
        *CURVE_COLUMNS,
        *MASK_COLUMNS,
        ("seed", pa.int64()),
        ("mask_jobs", pa.int64()),
        *((f"{what}_{time}", pa.float64()) for what in ("mask", "run") for time in _TIMES),
    ]
)

# Where the benchmarks of jobs lie.
MASK_JOB = paths.BENCHMARK.format(record=paths.MASK_RECORD)
REWIND_JOB = paths.BENCHMARK.format(record=paths.REWIND)
RUN_JOB = paths.BENCHMARK.format(record=paths.RUN)

_Times = tuple[float | None, float | None]


def cost_rows(root: Path, group: Group) -> Iterator[Row]:
    """Yield the rows of the table `cost` for one group, controls and dense masks left out.

    `mask_seconds` add up the jobs that led to the mask: of a ticket its rounds up to it, and the
    training to the step that it is rewound to. `run_seconds` is the fine-tuning afterwards. What no
    benchmark says, since the file is not there or has no such number, is None.

    Raises:
        UserError: a mask's manifest is damaged.
    """
    for indices in group.curves().values():
        for index in indices:
            for run in group.runs[index]:
                place = {key: run.metrics[key] for key in ("model", "task", "recipe", "seed")}
                mask = run.metrics["mask"]
                jobs = mask_jobs(root, group.model, mask)
                found = _add(_times(root / job) for job in jobs) if jobs else (None, None)
                tuned = _times(root / RUN_JOB.format(**place, mask=mask))
                yield {
                    **group.names(index),
                    **place,
                    "mask_jobs": len(jobs) or None,
                    **dict(zip((f"mask_{time}" for time in _TIMES), found, strict=True)),
                    **dict(zip((f"run_{time}" for time in _TIMES), tuned, strict=True)),
                }


def mask_jobs(root: Path, model: str, name: str) -> list[str]:
    """Return the benchmarks of the jobs that led to a mask; none if its manifest is not there."""
    path = root / paths.MASK_MANIFEST.format(model=model, mask=name)
    if not path.exists():
        return []
    mask = check_mask(read_json(path, "mask manifest").get("spec"), f"{path}: spec")
    jobs = [MASK_JOB.format(model=model, mask=name)]
    if isinstance(mask, Trained) and mask.rewind_step:
        place = {"task": mask.task, "recipe": mask.recipe, "seed": mask.seed}
        jobs.append(REWIND_JOB.format(model=model, step=mask.rewind_step, **place))
    begun = mask.previous() if isinstance(mask, Trained) else None
    while isinstance(begun, Trained):
        jobs.append(MASK_JOB.format(model=model, mask=begun.name))
        begun = begun.previous()
    return jobs


def _add(times: Iterable[_Times]) -> _Times:
    seconds, cpu = zip(*times, strict=True)
    return _sum(seconds), _sum(cpu)


def _sum(values: tuple[float | None, ...]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _times(path: Path) -> _Times:
    """Return wall and CPU seconds of a job's last execution."""
    benchmark = read_benchmark(path)
    return benchmark.seconds, benchmark.cpu_seconds
