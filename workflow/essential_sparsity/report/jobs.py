"""The jobs behind a study, stage by stage, with what they took."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import pyarrow as pa

from essential_sparsity.figures.difference.cost import mask_jobs
from essential_sparsity.report.spec import ProvenanceSpec
from essential_sparsity.stages import paths
from essential_sparsity.support.benchmark import Benchmark, read_benchmark
from essential_sparsity.support.tables import read_table

Pairs = dict[tuple[str, str], None]


@dataclass(frozen=True)
class Jobs:
    """A study's jobs.

    Attributes:
        runs: the folders of its runs.
        trainings: the evaluations of the trainings that found its masks.
        benchmarks: stage → the jobs' benchmarks; those that are expected may be missing.
    """

    runs: list[str]
    trainings: list[str]
    benchmarks: dict[str, list[str]]


def find_jobs(root: Path, spec: ProvenanceSpec) -> Jobs:
    """Return the jobs behind the tables of a study below `root`.

    Runs and masks are those that the tables themselves say they are made from; a table that is not
    there names none.
    """
    runs: dict[str, None] = {}
    masks: Pairs = {}
    for table in (read_table(root / path, set()) for path in _existing(root, spec.tables)):
        if "run" in table.column_names:
            runs |= dict.fromkeys(table["run"].to_pylist())
        masks |= dict.fromkeys(_masks_of(table))
    masks |= {(PurePath(run).parts[1], PurePath(run).parts[4]): None for run in runs}
    mask_files = list(dict.fromkeys(job for pair in masks for job in mask_jobs(root, *pair)))
    histograms = (paths.HISTOGRAM_RECORD.format(model=model) for model in spec.models)
    checkpoints = (paths.CHECKPOINT.format(model=model) for model in spec.models)
    return Jobs(
        runs=list(runs),
        trainings=_existing(root, map(_training, mask_files)),
        benchmarks={
            "checkpoints": _benchmarks(checkpoints),
            "task data": _benchmarks(PurePath(path).parent for path in spec.task_data),
            "masks": [*mask_files, *_existing(root, _benchmarks(histograms))],
            "runs": _benchmarks(runs),
            "measurements": _benchmarks(PurePath(p).with_suffix("") for p in spec.measurements),
            **_of_study(root, spec.study),
        },
    )


def stage_times(
    root: Path, jobs: Jobs, gpu_seconds: Mapping[str, float | None]
) -> list[dict[str, Any]]:
    """Return a row for each stage that has jobs: sums of their times, and the largest memory.

    `measured` counts the jobs whose wall time is known; sums are over what is known, None where
    nothing is. `gpu_seconds` are known to the caller, by stage.
    """
    rows = []
    for stage, files in jobs.benchmarks.items():
        found = [read_benchmark(root / path) for path in files]
        if found:
            rows.append({"stage": stage, **_sums(found), "gpu_seconds": gpu_seconds.get(stage)})
    return rows


def _sums(found: list[Benchmark]) -> dict[str, Any]:
    return {
        "jobs": len(found),
        "measured": sum(job.seconds is not None for job in found),
        "seconds": _sum(job.seconds for job in found),
        "cpu_seconds": _sum(job.cpu_seconds for job in found),
        "memory_mib": max((job.memory for job in found if job.memory), default=None),
    }


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known), 2) if known else None


def _masks_of(table: pa.Table) -> Iterator[tuple[str, str]]:
    """Yield the models and masks that a table of masks is about; nothing of other tables."""
    if "run" not in table.column_names:
        for name in ("mask", "mask_a", "mask_b"):
            if name in table.column_names:
                yield from dict.fromkeys(
                    zip(table["model"].to_pylist(), table[name].to_pylist(), strict=True)
                )


def _training(mask_job: str) -> str:
    """Return where the training that found a mask would have left its evaluations."""
    path = PurePath(mask_job)
    mask = path.name.removesuffix(".tsv")
    return paths.TRAINING_METRICS.format(model=path.parent.name, mask=mask)


def _of_study(root: Path, study: str) -> dict[str, list[str]]:
    """Return the benchmarks of the study's own jobs, those of figures apart from the others."""
    (own,) = _benchmarks([f"{paths.STUDY.format(study=study)}/**/*"])
    (drawn,) = _benchmarks([paths.FIGURE.format(study=study, experiment="*", format="*")])
    found = sorted(root.glob(own))
    figures = set(root.glob(drawn))
    return {
        "statistics": [str(p.relative_to(root)) for p in found if p not in figures],
        "figures": [str(p.relative_to(root)) for p in found if p in figures],
    }


def _benchmarks(records: Iterable[str | PurePath]) -> list[str]:
    return [paths.BENCHMARK.format(record=record) for record in records]


def _existing(root: Path, files: Iterable[str]) -> list[str]:
    return [path for path in files if (root / path).exists()]
