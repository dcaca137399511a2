"""Collects what a study was made from, on what, with what versions, and how long it took.

It reads what artifacts record about themselves. Whatever is missing or not recorded is null, and
the report says that it is unknown.
"""

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any

import pyarrow as pa

from essential_sparsity.checkpoints.manifest import Manifest, load_manifest
from essential_sparsity.report.jobs import find_jobs, stage_times
from essential_sparsity.report.machine import describe_commit, describe_machine
from essential_sparsity.report.spec import ProvenanceSpec
from essential_sparsity.stages import paths
from essential_sparsity.support import extensions
from essential_sparsity.support.credentials import redact_document
from essential_sparsity.support.errors import UserError, run_stage
from essential_sparsity.support.files import read_json, write_json
from essential_sparsity.support.tables import origin_of, read_origin, read_table

FORMAT_VERSION = 1

_CLONE = Path(__file__).parents[3]
_TASK = ("kind", "labels", "splits", "corpus", "majority", "preprocessing")


def collect(root: Path, spec: ProvenanceSpec) -> dict[str, Any]:
    """Return the content of `provenance.json` (docs of the keys: `docs/artifacts.md`)."""
    jobs = find_jobs(root, spec)
    files = [f"{run}/{PurePath(paths.METRICS).name}" for run in jobs.runs]
    runs = list(_tables(root, files))
    trainings = list(_tables(root, jobs.trainings))
    gpu_seconds = {"runs": _gpu_seconds(runs), "masks": _gpu_seconds(trainings)}
    folder = root / paths.STUDY.format(study=spec.study)
    # Of the study's own tables, which may be large, only what made them is of interest.
    own = map(read_origin, sorted(folder.glob("*/*.parquet")))
    document = {
        "format_version": FORMAT_VERSION,
        "study": spec.study,
        "code": describe_commit(_CLONE),
        "extensions": extensions.digests(),
        "machine": describe_machine(),
        "models": {model: _model(root, model) for model in spec.models},
        "tasks": {str(Path(path).parent): _task(root / path) for path in spec.task_data},
        "runs": {"count": len(jobs.runs), "found": len(runs), **_days(root, files)},
        "devices": _devices([*runs, *trainings]),
        "versions": _versions([*map(origin_of, [*runs, *trainings]), *own]),
        "stages": stage_times(root, jobs, gpu_seconds),
    }
    redacted: dict[str, Any] = redact_document(document)
    return redacted


def _tables(root: Path, files: Iterable[str]) -> Iterator[pa.Table]:
    return (read_table(root / file, set()) for file in files if (root / file).exists())


def _model(root: Path, model: str) -> dict[str, Any] | None:
    path = root / paths.CHECKPOINT_MANIFEST.format(model=model)
    try:
        manifest: Manifest = load_manifest(path.parent, verify=False)
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


def _task(path: Path) -> dict[str, Any] | None:
    try:
        manifest = read_json(path, "task manifest")
    except UserError:
        return None
    data = manifest.get("spec", {}).get("data")
    return {"data": data, **{key: manifest.get(key) for key in _TASK}}


def _gpu_seconds(tables: Iterable[pa.Table]) -> float | None:
    """Return how long trainings held GPUs, each of several counted; None if none did."""
    seconds = [
        row["seconds"] * (row.get("devices") or 1)
        for row in map(_last_row, tables)
        if row.get("device", "cpu") != "cpu"
    ]
    return round(sum(seconds), 2) if seconds else None


def _devices(tables: Iterable[pa.Table]) -> list[dict[str, Any]]:
    """Return how many trainings there were on each device, in each precision."""
    rows = map(_last_row, tables)
    counts = Counter((r.get("device"), r.get("devices"), r.get("precision")) for r in rows)
    return [
        {"device": device, "devices": devices, "precision": precision, "trainings": count}
        for (device, devices, precision), count in counts.most_common()
    ]


def _last_row(table: pa.Table) -> dict[str, Any]:
    row: dict[str, Any] = table.slice(len(table) - 1).to_pylist()[0] if len(table) else {}
    return row


def _versions(origins: Iterable[dict[str, Any]]) -> dict[str, list[str]]:
    """Return the versions of Python and of libraries that artifacts name, all where they differ."""
    found: dict[str, set[str]] = {}
    for origin in origins:
        named = {"python": origin.get("python"), **origin.get("libraries", {})}
        for name, version in named.items():
            if version:
                found.setdefault(name, set()).add(version)
    return {name: sorted(versions) for name, versions in found.items()}


def _days(root: Path, files: Iterable[str]) -> dict[str, str | None]:
    """Return the days (UTC) of the first and the last file, by their times of change."""
    times = [(root / file).stat().st_mtime for file in files if (root / file).exists()]
    first, last = (
        datetime.fromtimestamp(choose(times), UTC).date().isoformat() if times else None
        for choose in (min, max)
    )
    return {"first": first, "last": last}


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
