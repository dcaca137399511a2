"""Packs a study's results for others, or puts such a bundle in its place."""

import argparse
import shlex
import sys
from pathlib import Path

from essential_sparsity.bundle.archive import PROJECT, unpack_bundle, write_bundle
from essential_sparsity.bundle.contents import contents_of, own_criteria
from essential_sparsity.study.jobs import load_study
from essential_sparsity.support.errors import run_stage

_ROOT = Path(__file__).parents[3]


def main() -> None:
    """Pack or unpack."""
    parser = argparse.ArgumentParser(
        prog="python -m essential_sparsity.bundle", description=__doc__
    )
    parser.add_argument(
        "--results", type=Path, metavar="FOLDER", help="where results lie: results/ if not given"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    pack = commands.add_parser("pack", help="write a bundle of a study")
    pack.add_argument("study", type=Path, help="a study file")
    pack.add_argument("--masks", action="store_true", help="with the masks")
    pack.add_argument(
        "--output", type=Path, metavar="FILE", help="STUDY.bundle.tar.gz if not given"
    )
    unpack = commands.add_parser("unpack", help="check a bundle and put its files in place")
    unpack.add_argument("bundle", type=Path, help="a bundle")
    arguments = parser.parse_args()
    results = arguments.results or _ROOT / "results"
    if arguments.command == "pack":
        _pack(arguments.study, results, arguments.masks, arguments.output)
    else:
        manifest = unpack_bundle(arguments.bundle, _ROOT, results)
        print(
            f"{arguments.bundle}: {len(manifest.files)} files of study '{manifest.study}' are in "
            f"place below {_ROOT}; make figures STUDY={shlex.quote(manifest.study_file)}",
            file=sys.stderr,
        )


def _pack(file: Path, results: Path, masks: bool, output: Path | None) -> None:
    study = load_study(file, _ROOT, results)
    files = contents_of(study, file, _ROOT, masks)
    path = output or Path(f"{study.study.study}.bundle.tar.gz")
    study_file = next(n for n in files if n.startswith(f"{PROJECT}/")).partition("/")[2]
    write_bundle(path, study.study.study, study_file, files)
    size = path.stat().st_size
    print(f"{path}: {len(files)} files, {size / 1e6:.1f} MB", file=sys.stderr)
    notes = [
        f"extension '{folder}' is your own: send it along, to be put in place"
        for folder in study.study.extensions
    ]
    notes += [
        f"criterion '{criterion}' is your own: send {module} along, to be put in place"
        for criterion, module in own_criteria(study.study).items()
    ]
    for note in notes:
        print(
            f"note: the bundle brings no code, and {note} before the bundle is unpacked",
            file=sys.stderr,
        )


if __name__ == "__main__":
    run_stage(main)
