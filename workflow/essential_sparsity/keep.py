"""Keep finished results across a change of the code that did not change what it computes.

A sample of what would be made again is made again, beside the results, and compared: masks byte by
byte, tables in all values but times. If all are equal, the rest is taken for what the new code
would have made; if one differs, nothing is. Runs of a version before theirs said under which mask
they were made get that added.
"""

import argparse
import json
import os
import shutil
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path

from essential_sparsity.compare_results import compare_results
from essential_sparsity.masks.mask import load_header
from essential_sparsity.runs.labels import labels_of_run, with_labels
from essential_sparsity.stages import paths
from essential_sparsity.stages.all import STAGES
from essential_sparsity.stages.figures import MEASUREMENTS, SEARCH
from essential_sparsity.stages.format import UNCHECKED, write_format
from essential_sparsity.stages.masks import MASK
from essential_sparsity.stages.sources import CHECKPOINT
from essential_sparsity.stages.stage import Place, Stage
from essential_sparsity.study.jobs import load_study
from essential_sparsity.study.resolve import Resolved
from essential_sparsity.support.errors import UserError, run_stage
from essential_sparsity.support.files import read_json
from essential_sparsity.support.pipeline import make_targets
from essential_sparsity.support.tables import read_origin, read_table, write_table

_ROOT = Path(__file__).parents[2]

# Measurements, and what follows from runs, are made again in seconds.
_COSTLY = tuple(s for s in STAGES[: STAGES.index(SEARCH)] if s not in MEASUREMENTS.values())
_NO_ARTIFACTS = (".snakemake", "logs", "benchmarks", "studies")

# What the jobs of one stage leave: a list of paths each, the first of which is its target.
Jobs = list[list[str]]


class Keeper:
    """Keeps a study's results."""

    def __init__(self, study: Resolved, file: Path, profile: str) -> None:
        """Take the study, its file, and where jobs run."""
        self._study, self._file, self._profile = study, file, profile

    def keep(self, sample: int, seed: str, tolerance: float) -> tuple[int, int]:
        """Keep what a sample allows; return how many artifacts are kept, and how many were drawn.

        Args:
            sample: how many artifacts of each stage are made again.
            seed: another one draws others.
            tolerance: see `compare_results`.

        Raises:
            UserError: one of the sample is another one now, or Snakemake fails.
        """
        results = self._study.results
        label_runs(results)
        found = self._finished()
        kept = [files for jobs in found for files in jobs]
        drawn = [files for jobs in found for files in _draw(jobs, sample, seed)]
        if drawn:
            self._check(drawn, tolerance)
            self._ask(results, kept, "--touch", "--cores", "1")
        write_format(results)
        return len(kept), len(drawn)

    def _finished(self) -> list[Jobs]:
        """Return, by stage, what another code or spec made and today's spec would ask for."""
        study = self._study
        wanted = [
            [(place, stage.paths(study, place)) for place in stage.places(study)]
            for stage in _COSTLY
        ]
        everything = (files for jobs in wanted for _, files in jobs)
        there = [files for files in everything if (study.results / files[0]).exists()]
        changed = set(self._ask(study.results, there, "--list-changes", "params"))
        return [
            [
                files
                for place, files in jobs
                if files[0] in changed and _is_of_spec(study, stage, place)
            ]
            for stage, jobs in zip(_COSTLY, wanted, strict=True)
        ]

    def _check(self, drawn: Jobs, tolerance: float) -> None:
        results = self._study.results
        with tempfile.TemporaryDirectory(prefix=".sample-", dir=results.resolve().parent) as name:
            again = Path(name)
            for folder in results.iterdir():
                if folder.is_dir() and folder.name not in _NO_ARTIFACTS:
                    shutil.copytree(folder, again / folder.name, copy_function=_link)
            for file in (file for files in drawn for file in files):
                (again / file).unlink(missing_ok=True)
            write_format(again)
            # Nothing is recorded there: what is missing is made, and nothing else.
            self._ask(again, drawn, "--rerun-triggers", "mtime")
            counts, lines = compare_results(results, again, tolerance)
        if counts["differ"]:
            differing = "; ".join(line.strip() for line in lines if "differ: " in line)
            raise UserError(
                f"{results}: this code makes something else: {differing}; nothing is kept, and "
                "`make study` makes again what changed"
            )

    def _ask(self, results: Path, jobs: Jobs, *arguments: str) -> list[str]:
        """Call Snakemake for jobs; return the lines that it prints."""
        place = (_ROOT, self._file, results, self._profile)
        environment = {**os.environ, UNCHECKED: "1"}
        lines: list[str] = []
        targets = [files[0] for files in jobs]
        for done in make_targets(
            targets, *place, *arguments, env=environment, stdout=subprocess.PIPE
        ):
            lines += done.stdout.splitlines()
            if done.returncode:
                said = "; ".join(line for line in lines if "rror: " in line)
                raise UserError(f"{results}: a job failed ({said or 'see above'}); nothing is kept")
        return lines


def label_runs(results: Path) -> None:
    """Let runs of an earlier version say under which mask they were made."""
    pattern = paths.METRICS.format(model="*", task="*", recipe="*", mask="*", seed="*")
    for path in sorted(results.glob(pattern)):
        table = read_table(path, {"loss"})
        run = paths.matching(paths.METRICS).fullmatch(path.relative_to(results).as_posix())
        if "criterion" not in table.column_names and run:
            model, task, recipe, mask, seed = run.groups()
            header = load_header(results / paths.MASK.format(model=model, mask=mask))
            labels = labels_of_run(header, model, task, recipe, int(seed))
            own = table.drop_columns([name for name in labels if name in table.column_names])
            times = path.stat()
            write_table(path, with_labels(own, labels), read_origin(path))
            # Another time would make again what was computed from it.
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def _is_of_spec(study: Resolved, stage: Stage, place: Place) -> bool:
    """Tell whether all that a job's spec says is in what its artifact says it was made by."""
    if stage.spec is None:
        return True
    today = json.loads(stage.spec(study, place).canonical())
    files = [study.results / path for path in stage.paths(study, place)]
    table = next((file for file in files if file.suffix == ".parquet"), None)
    if table is not None:
        return _has(read_origin(table).get("spec", {}), today)
    if stage is MASK:
        return _has(load_header(files[0]).spec, today)
    document = read_json(files[0], "manifest")
    if stage is CHECKPOINT:
        made, sources = document.get("source", {}), today["sources"]
        return any(all(made.get(k, v) == v for k, v in source.items()) for source in sources)
    return _has(document.get("spec", {}), today)


def _has(recorded: object, today: object) -> bool:
    if isinstance(recorded, dict) and isinstance(today, dict):
        return all(key in recorded and _has(recorded[key], v) for key, v in today.items())
    return recorded == today


def _draw(jobs: Jobs, number: int, seed: str) -> Jobs:
    """Return `number` of the jobs, drawn by hash."""
    return sorted(jobs, key=lambda files: sha256(f"{seed} {files[0]}".encode()).digest())[:number]


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def main() -> None:
    """Keep a study's results."""
    parser = argparse.ArgumentParser(prog="python -m essential_sparsity.keep", description=__doc__)
    parser.add_argument("study", type=Path, help="a study file")
    parser.add_argument(
        "--results", type=Path, metavar="FOLDER", help="where results lie: results/ if not given"
    )
    parser.add_argument(
        "--sample", type=int, default=2, metavar="N", help="artifacts of each stage to make again"
    )
    parser.add_argument("--seed", default="", help="another text draws others")
    words = "difference of floats that counts as none, for results of another machine"
    parser.add_argument("--tolerance", type=float, default=0.0, metavar="T", help=words)
    parser.add_argument("--profile", default="default", help="where jobs run (default)")
    arguments = parser.parse_args()
    if arguments.sample < 1:
        raise UserError(f"--sample: {arguments.sample}; at least one is needed")
    results = arguments.results or _ROOT / "results"
    study = load_study(arguments.study, _ROOT, results)
    keeper = Keeper(study, arguments.study, arguments.profile)
    kept, drawn = keeper.keep(arguments.sample, arguments.seed, arguments.tolerance)
    print(f"{results}: {kept} artifacts kept; {drawn} of them were made again and are equal")


if __name__ == "__main__":
    run_stage(main)
