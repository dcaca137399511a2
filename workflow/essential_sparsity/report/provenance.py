"""Collects what a study was made from, on what, with what versions, and how long it took.

It reads what artifacts record about themselves. Whatever is missing or not recorded is null, and
the report says that it is unknown.
"""

import argparse
import contextlib
import os
import platform
import subprocess
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from essential_sparsity.checkpoints.manifest import load_manifest
from essential_sparsity.figures.difference.cost import MASK_JOB, mask_jobs
from essential_sparsity.report.spec import ProvenanceSpec
from essential_sparsity.stages import paths
from essential_sparsity.support import extensions
from essential_sparsity.support.credentials import redact_document
from essential_sparsity.support.errors import UserError, run_stage
from essential_sparsity.support.files import available_cores, read_json, write_json
from essential_sparsity.support.pipeline import read_benchmark
from essential_sparsity.support.tables import origin_of, read_origin, read_table

FORMAT_VERSION = 1

_CLONE = Path(__file__).parents[3]
_TASK = ("kind", "labels", "splits", "corpus", "majority", "preprocessing")

# What results depend on: a study file or a lock file beside it changes no code.
_CODE = ("Snakefile", "rules", "workflow", "catalog", "requirements.lock")

Row = dict[str, Any]


def collect(root: Path, spec: ProvenanceSpec) -> dict[str, Any]:
    """Return the content of `provenance.json` (docs of the keys: `docs/artifacts.md`).

    Runs and masks are those that the study's tables themselves say they are made from; a table that
    is not there names none.
    """
    runs, masks = _runs_and_masks(root, spec.tables)
    found_by = list(dict.fromkeys(job for pair in masks for job in mask_jobs(root, *pair)))
    run_files = _there(root, _renamed(runs, paths.RUN, paths.METRICS))
    mask_files = _there(root, _renamed(found_by, MASK_JOB, paths.TRAINING_METRICS))
    run_tables, mask_tables = (
        [read_table(root / file, set()) for file in files] for files in (run_files, mask_files)
    )
    gpu_seconds = {"runs": _gpu_seconds(run_tables), "masks": _gpu_seconds(mask_tables)}
    histograms = _benchmarks(paths.HISTOGRAM_RECORD.format(model=name) for name in spec.models)
    jobs = {
        "checkpoints": _benchmarks(paths.CHECKPOINT.format(model=name) for name in spec.models),
        "task data": _benchmarks(Path(path).parent for path in spec.task_data),
        "masks": [*found_by, *_there(root, histograms)],
        "runs": _benchmarks(runs),
        "measurements": _benchmarks(Path(path).with_suffix("") for path in spec.measurements),
        **_jobs_of_study(root, spec.study),
    }
    folder = root / paths.STUDY.format(study=spec.study)
    # Of the study's own tables, which may be large, only what made them is of interest.
    own = map(read_origin, sorted(folder.glob("*/*.parquet")))
    trainings = [*run_tables, *mask_tables]
    document = {
        "format_version": FORMAT_VERSION,
        "study": spec.study,
        "code": describe_commit(_CLONE),
        "extensions": extensions.digests(),
        "machine": describe_machine(),
        "models": {model: _model(root, model) for model in spec.models},
        "tasks": {str(Path(path).parent): _task(root / path) for path in spec.task_data},
        "runs": {"count": len(runs), "found": len(run_tables), **_days(root, run_files)},
        "devices": _devices(trainings),
        "versions": _versions([*map(origin_of, trainings), *own]),
        "stages": [
            {"stage": stage, **_sums(root, files), "gpu_seconds": gpu_seconds.get(stage)}
            for stage, files in jobs.items()
            if files
        ],
    }
    redacted: dict[str, Any] = redact_document(document)
    return redacted


def _runs_and_masks(root: Path, tables: Iterable[str]) -> tuple[list[str], list[list[str]]]:
    """Return the runs, and the (model, mask) pairs, that tables are made from."""
    runs: dict[str, None] = {}
    masks: dict[str, None] = {}
    for table in (read_table(root / path, set()) for path in _there(root, tables)):
        columns = set(table.column_names)
        if "run" in columns:
            runs |= dict.fromkeys(table["run"].to_pylist())
            continue
        for name in sorted(columns & {"mask", "mask_a", "mask_b"}):
            rows = zip(table["model"].to_pylist(), table[name].to_pylist(), strict=True)
            masks |= dict.fromkeys(map("/".join, rows))
    masks |= dict.fromkeys(_renamed(runs, paths.RUN, "{model}/{mask}"))
    return list(runs), [pair.split("/") for pair in masks]


def _renamed(files: Iterable[str], pattern: str, wanted: str) -> list[str]:
    """Return what another pattern calls the files that match one, others left out."""
    found = map(paths.matching(pattern).fullmatch, files)
    return [wanted.format(**match.groupdict()) for match in found if match]


def _there(root: Path, files: Iterable[str]) -> list[str]:
    return [path for path in files if (root / path).exists()]


def _benchmarks(records: Iterable[str | Path]) -> list[str]:
    return [paths.BENCHMARK.format(record=record) for record in records]


def _jobs_of_study(root: Path, study: str) -> dict[str, list[str]]:
    """Return the benchmarks of the study's own jobs, those of figures apart from the others."""
    (own,) = _benchmarks([f"{paths.STUDY.format(study=study)}/**/*"])
    (drawn,) = _benchmarks([paths.FIGURE.format(study=study, experiment="*", format="*")])
    figures = set(root.glob(drawn))
    others = [path for path in sorted(root.glob(own)) if path not in figures]
    return {
        "statistics": [str(path.relative_to(root)) for path in others],
        "figures": [str(path.relative_to(root)) for path in sorted(figures)],
    }


def _sums(root: Path, files: list[str]) -> Row:
    """Return the sums of jobs' times, and the largest memory: of what is known, None of nothing."""
    found = [read_benchmark(root / file) for file in files]
    seconds = [job.seconds for job in found if job.seconds is not None]
    cpu_seconds = [job.cpu_seconds for job in found if job.cpu_seconds is not None]
    return {
        "jobs": len(found),
        "measured": len(seconds),
        "seconds": round(sum(seconds), 2) if seconds else None,
        "cpu_seconds": round(sum(cpu_seconds), 2) if cpu_seconds else None,
        "memory_mib": max((job.memory for job in found if job.memory), default=None),
    }


def _model(root: Path, model: str) -> Row | None:
    path = root / paths.CHECKPOINT_MANIFEST.format(model=model)
    try:
        manifest = load_manifest(path.parent, verify=False)
    except UserError:
        return None
    return {
        "architecture": manifest.architecture,
        "source": manifest.source,
        "sha256": manifest.sha256,
        "files": manifest.files,
        "parameters": manifest.parameter_count,
        "prunable": manifest.prunable_count,
    }


def _task(path: Path) -> Row | None:
    try:
        manifest = read_json(path, "task manifest")
    except UserError:
        return None
    data = manifest.get("spec", {}).get("data")
    return {"data": data, **{key: manifest.get(key) for key in _TASK}}


def _last_rows(tables: Iterable[pa.Table]) -> list[Row]:
    """Return what trainings say at their ends."""
    return [table.slice(len(table) - 1).to_pylist()[0] for table in tables if len(table)]


def _gpu_seconds(tables: Iterable[pa.Table]) -> float | None:
    """Return how long trainings held GPUs, each of several counted; None if none did."""
    seconds = [
        row["seconds"] * (row.get("devices") or 1)
        for row in _last_rows(tables)
        if row.get("device", "cpu") != "cpu"
    ]
    return round(sum(seconds), 2) if seconds else None


def _devices(tables: Iterable[pa.Table]) -> list[Row]:
    """Return how many trainings there were on each device, in each precision."""
    keys = ("device", "devices", "precision")
    counts = Counter(tuple(row.get(key) for key in keys) for row in _last_rows(tables))
    return [
        {**dict(zip(keys, values, strict=True)), "trainings": count}
        for values, count in counts.most_common()
    ]


def _versions(origins: Iterable[Row]) -> dict[str, list[str]]:
    """Return the versions of Python and of libraries that artifacts name, all where they differ."""
    found: dict[str, set[str]] = {}
    for origin in origins:
        for name, version in {
            "python": origin.get("python"),
            **origin.get("libraries", {}),
        }.items():
            if version:
                found.setdefault(name, set()).add(version)
    return {name: sorted(versions) for name, versions in found.items()}


def _days(root: Path, files: Iterable[str]) -> dict[str, str | None]:
    """Return the days (UTC) of the first and the last file, by their times of change."""
    times = [(root / file).stat().st_mtime for file in files]
    days = [datetime.fromtimestamp(time, UTC).date().isoformat() for time in times]
    return {"first": min(days, default=None), "last": max(days, default=None)}


def describe_machine() -> Row:
    """Return `system`, `cpu`, `cores`, `memory_gib` and `gpus`; None for what nothing tells.

    Nothing of it names anybody.
    """
    gpus = _output("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu(),
        "cores": available_cores(),
        "memory_gib": _memory(),
        "gpus": (gpus or "").splitlines(),
    }


def _cpu() -> str | None:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return " ".join(value.split())
    return platform.processor() or None


def _memory() -> float | None:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None
    return round(size / 2**30, 1)


def describe_commit(root: Path) -> Row:
    """Return `commit` of the clone at `root`, and whether its code is `clean`; None if not known.

    Clean is a tree whose code and catalog are those of the commit.
    """
    top = _git(root, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != root.resolve():
        return {"commit": None, "clean": None}
    commit = _git(root, "rev-parse", "HEAD")
    changes = _git(root, "status", "--porcelain", "--", *_CODE)
    clean = None if commit is None or changes is None else not changes
    return {"commit": commit, "clean": clean}


def _git(root: Path, *arguments: str) -> str | None:
    # No optional locks: somebody may be at work with git in this clone.
    return _output("git", "--no-optional-locks", "-C", str(root), *arguments)


def _output(*command: str) -> str | None:
    """Return what a program prints; None if it is not there, fails, or does not answer."""
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() if found.returncode == 0 else None


def main() -> None:
    """Run the stage from the command line, in the folder of the results."""
    parser = argparse.ArgumentParser(
        prog="python -m essential_sparsity.report.provenance", description=__doc__
    )
    parser.add_argument(
        "--spec", required=True, help="a ProvenanceSpec: JSON, or a file that holds it"
    )
    parser.add_argument("--output", required=True, type=Path, metavar="FILE")
    arguments = parser.parse_args()
    write_json(arguments.output, collect(Path(), ProvenanceSpec.read(arguments.spec)))


if __name__ == "__main__":
    run_stage(main)
