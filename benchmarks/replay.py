"""Replays the project's history: when would every run have trained again, and did numbers change?

For each first-parent commit: the fingerprint of a run's code (the stage and the default study's
kind of examples), as that commit's own code computes it and as today's does of the same sources.
Where either changes, a miniature study runs with the commit before and with the commit itself, and
its masks, predictions and metrics are compared. What was found once is kept in a folder.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import gettempdir
from textwrap import wrap
from typing import Any

import pyarrow.parquet as pq
from safetensors import safe_open

from essential_sparsity.support.fingerprint import Reach, Source

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs/replay.md"
# The last commit whose fingerprints were those of modules.
UNTIL = "5bf5a12"
_PACKAGE = "workflow/essential_sparsity"
_STAGE = "essential_sparsity.runs"
_KIND = "essential_sparsity.runs.kinds.text_classification"
# What is infrastructure now, where it lay until then; and scores, which are no part of a run's key
# any more: tables compute them from predictions.
_INFRASTRUCTURE = (
    "benchmark clocks credentials digests errors files fingerprint gpus hub lock pins pipeline "
    "progress sampling seal spec tables validation yaml_files"
)
_APART = [f"essential_sparsity.{name}" for name in (*_INFRASTRUCTURE.split(), "metrics")]
_TIMES = {"seconds"}
# Run with a commit's own tests at hand: its miniature study, at two sparsities.
_MINIATURE = """
import sys, yaml
from pathlib import Path
sys.path.insert(0, sys.argv[1] + "/tests")
from project import Project
project = Project.create(Path(sys.argv[2]))
study = yaml.safe_load((project.folder / "study.yaml").read_text())
for experiment in study["experiments"]:
    experiment["masks"][0]["sparsities"] = [0.5, 0.9]
project.write_study(study)
"""


@dataclass(frozen=True)
class Commit:
    """A commit, and the keys of a run's code by its own rule and by today's, empty without one."""

    name: str
    day: str
    subject: str
    own: str
    new: str


class Replay:
    """The history, and a folder that keeps what was found of it."""

    def __init__(self, folder: Path) -> None:
        """Take the folder."""
        self.folder = folder

    def history(self, until: str) -> list[Commit]:
        """Return the commits up to one, the first one first."""
        log = _git(
            "log", "--first-parent", "--reverse", "--format=%h %ad %s", "--date=short", until
        )
        kept = self.folder / "keys.json"
        own = json.loads(kept.read_text()) if kept.exists() else {}
        found = []
        for line in log.splitlines():
            name, day, subject = line.split(" ", 2)
            package = self.tree(name) / _PACKAGE
            roots = [_STAGE] if (package / "runs/__main__.py").exists() else []
            has_kinds = (package / "runs/kinds/text_classification.py").exists()
            roots += [_KIND] if has_kinds else []
            if name not in own:
                own[name] = _own_key(package.parent, roots) if roots else ""
                kept.write_text(json.dumps(own))
            new = Reach(Source(package, _APART), roots).digest() if roots else ""
            found.append(Commit(name, day, subject, own[name], new))
        return found

    def tree(self, commit: str) -> Path:
        """Return the folder of a commit's files."""
        folder = self.folder / "trees" / commit
        if not folder.exists():
            part = folder.with_suffix(".part")
            part.mkdir(parents=True, exist_ok=True)
            archive = ["git", "archive", "--format=tar", "-o", str(part / "tree.tar"), commit]
            subprocess.run(archive, cwd=ROOT, check=True)
            subprocess.run(["tar", "-xf", "tree.tar"], cwd=part, check=True)
            part.rename(folder)
        return folder

    def results(self, commit: str) -> Path | str:
        """Return the results of the miniature study with a commit's code, or why there are none."""
        folder = self.folder / "runs" / commit
        told = self.folder / "runs" / f"{commit}.txt"
        if not told.exists():
            print(f"{commit}: the miniature study", file=sys.stderr, flush=True)
            environment = _environment(self.tree(commit) / "workflow")
            make = [sys.executable, "-c", _MINIATURE, str(self.tree(commit)), str(folder)]
            snakemake = str(Path(sys.executable).parent / "snakemake")
            run = [snakemake, "runs", "masks", "--configfile", "study.yaml", "--cores", "1"]
            output = ""
            for command, place in ((make, self.folder), (run, folder)):
                done = subprocess.run(
                    command, cwd=place, env=environment, capture_output=True, text=True, check=False
                )
                output += done.stdout + done.stderr
                if done.returncode:
                    output = f"failed\n{output}"
                    break
            told.write_text(output)
        text = told.read_text()
        if not text.startswith("failed"):
            return folder / "results"
        errors = [line for line in text.splitlines() if re.search(r"error|Error", line)]
        return (errors or text.splitlines())[-1].strip()


def difference(before: Path | str, after: Path | str) -> str:
    """Say which results of the miniature study differ, on what both have, times left out."""
    for side, found in (("before", before), ("after", after)):
        if isinstance(found, str):
            return f"does not run {side}: {found}"
    assert isinstance(before, Path) and isinstance(after, Path)
    old, new = _artifacts(before), _artifacts(after)
    if not old.keys() & new.keys():
        return "no artifact of the same name"
    changed: dict[str, set[str]] = {}
    for name in sorted(old.keys() & new.keys()):
        a, b = old[name], new[name]
        parts = {part for part in a.keys() & b.keys() if a[part] != b[part]}
        if parts:
            kind = "masks" if name.startswith("masks/") else Path(name).stem
            changed.setdefault(kind, set()).update(parts)
    listed = (f"{kind}: {', '.join(sorted(parts))}" for kind, parts in sorted(changed.items()))
    return "; ".join(listed)


def gained(before: Path | str, after: Path | str) -> str:
    """Name the columns of tables that only the results after have."""
    if isinstance(before, str) or isinstance(after, str):
        return ""
    old, new = _artifacts(before), _artifacts(after)
    shared = old.keys() & new.keys()
    return ", ".join(sorted({part for name in shared for part in new[name].keys() - old[name]}))


def _artifacts(results: Path) -> dict[str, dict[str, Any]]:
    """Return path → column or tensor → values."""
    found: dict[str, dict[str, Any]] = {}
    for file in sorted(results.glob("runs/**/*.parquet")):
        table = pq.read_table(file)
        columns = {name: table.column(name).to_pylist() for name in table.column_names}
        found[str(file.relative_to(results))] = {
            name: repr(values) for name, values in columns.items() if name not in _TIMES
        }
    for file in sorted(results.glob("masks/**/*.safetensors")):
        with safe_open(file, framework="numpy") as tensors:
            names = tensors.keys()
            found[str(file.relative_to(results))] = {
                name: tensors.get_tensor(name).tobytes() for name in names
            }
    return found


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout


def _environment(path: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(path), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def _own_key(path: Path, roots: list[str]) -> str:
    code = f"from essential_sparsity.fingerprint import fingerprint; print(fingerprint(*{roots!r}))"
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, env=_environment(path), check=True, capture_output=True, text=True
    ).stdout.strip()


@dataclass(frozen=True)
class Row:
    """A commit at which a key changed: by which rule, which numbers did, which columns came."""

    commit: Commit
    own: bool
    new: bool
    numbers: str
    columns: str = ""

    @property
    def trains(self) -> bool:
        """Whether every run trains again: the key changed, and no sample proves results equal."""
        return self.new and self.numbers != ""


def rows_of(replay: Replay, until: str) -> list[Row]:
    """Return the commits at which runs that were there would have trained again."""
    history = replay.history(until)
    found = []
    for before, commit in pairwise(history):
        own, new = before.own != commit.own, before.new != commit.new
        if not (own or new):
            continue
        numbers, columns = "there were no runs before", ""
        if before.own:
            sides = replay.results(before.name), replay.results(commit.name)
            numbers, columns = difference(*sides), gained(*sides)
        found.append(Row(commit, own, new, numbers, columns))
    return found


def render(rows: list[Row], commits: int) -> str:
    """Return the document."""
    own, new = sum(row.own for row in rows), sum(row.new for row in rows)
    trains = sum(row.trains for row in rows)
    missed = [row for row in rows if row.numbers and not row.new]
    lines = [
        "# What a change of the code runs again",
        "",
        *wrap(
            "Written by `python -m benchmarks.replay --write`, which asks at each of the project's "
            f"first {commits} commits whether every run would have trained again. Where a key "
            "changed, a miniature study ran with the code before and after, on one machine: a BERT "
            "of two layers, a task of 64 texts, dense and two sparsities, one seed. The table says "
            "what differed of masks, predictions and metrics, on what both have and times aside.",
            100,
        ),
        "",
        "| rule | commits at which every run trains again |",
        "|---|---|",
        f"| fingerprints of modules, as each commit had them | {own} |",
        f"| fingerprints of definitions, as they are now | {new} |",
        "| the same, and results are "
        "[kept](artifacts.md#after-a-harmless-change-of-the-code) where a sample is equal "
        f"| {trains} |",
        f"| numbers changed, and the fingerprint of definitions did not | {len(missed)} |",
        "",
        *wrap(
            "Infrastructure is what `essential_sparsity/support/` holds today, wherever it lay "
            "then. Scores count by nothing: tables compute them from predictions.",
            100,
        ),
        "",
        "| commit | what it says | modules | definitions | numbers that changed | new columns |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        marks = ["changed" if changed else "" for changed in (row.own, row.new)]
        subject = row.commit.subject.replace("|", "\\|")
        lines.append(
            f"| {row.commit.name} {row.commit.day} | {subject} | {marks[0]} | {marks[1]} | "
            f"{row.numbers or 'none'} | {row.columns} |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Read the arguments, replay, print or write; return 1 if a changed number was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replay", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {DOCUMENT.name} in docs/")
    parser.add_argument("--until", default=UNTIL, metavar="COMMIT", help=f"the last one ({UNTIL})")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(gettempdir()) / "essential-sparsity-replay",
        help="what keeps trees and results for the next time",
    )
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    replay = Replay(arguments.folder)
    rows = rows_of(replay, arguments.until)
    text = render(rows, len(replay.history(arguments.until)))
    print(text)
    if arguments.write:
        DOCUMENT.write_text(text, encoding="utf-8")
    return int(any(row.numbers and not row.new for row in rows))


if __name__ == "__main__":
    sys.exit(main())
