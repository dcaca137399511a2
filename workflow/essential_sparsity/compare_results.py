"""Compare two results folders: are masks, runs, tables and figures' data equal?

Masks and other tensors are compared byte by byte, tables and JSON files value by value, in what
both sides have. Times, devices and provenance are left out. Exit status 1 says that something
differs; what one folder alone has is listed and does not count.
"""

import argparse
import filecmp
import hashlib
import json
import math
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from essential_sparsity.stages import paths
from essential_sparsity.support.errors import UserError, run_stage

# Columns of tables and top-level keys of JSON files that equal work need not share.
_IGNORED = {
    *("seconds", "cpu_seconds", "mask_seconds", "mask_cpu_seconds", "run_seconds"),
    *("run_cpu_seconds", "device", "devices", "device_batch"),
    *("stage", "spec", "code", "python", "machine", "libraries"),
    # Of manifests: what they list is compared itself.
    *("sealed", "files"),
}
_FOLDERS = {".snakemake", ".restart", *(Path(p).parts[0] for p in (paths.LOG, paths.BENCHMARK))}
_STUDIES, _FIGURES = Path(paths.STUDY).parts[0], Path(paths.FIGURE).parent.name
_OUTCOMES = ("equal", "differ", "only in A", "only in B")
_SHOWN = 20  # files of a kind and outcome


def compare_results(a: Path, b: Path, tolerance: float = 0.0) -> tuple[Counter[str], list[str]]:
    """Compare all files that lie at the same places below two results folders.

    Floats x and y are equal if |x − y| is at most `tolerance` times max(1, |x|, |y|). Return how
    many files are `equal`, `differ`, are `only in A` and `only in B`; and what is printed.
    """
    files_a, files_b = _files(a), _files(b)
    common = files_a & files_b
    if not common:
        raise UserError(f"{a}, {b}: have no artifact in common; are these results folders?")
    found: dict[str, dict[str, list[str]]] = {}
    counts, ignored = Counter(dict.fromkeys(_OUTCOMES, 0)), Counter[str]()
    for path in sorted(files_a | files_b):
        outcome, line = "equal", str(path)
        if path not in common:
            outcome = "only in A" if path in files_a else "only in B"
        elif difference := _difference(a / path, b / path, tolerance, ignored):
            outcome, line = "differ", f"{path}: {difference}"
        counts[outcome] += 1
        found.setdefault(_kind(path), {name: [] for name in _OUTCOMES})[outcome].append(line)
    lines = []
    for kind, files in found.items():
        lines.append(f"{kind}: {', '.join(f'{len(files[name])} {name}' for name in _OUTCOMES)}")
        for outcome in _OUTCOMES[1:]:
            lines += [f"  {outcome}: {line}" for line in files[outcome][:_SHOWN]]
            if more := files[outcome][_SHOWN:]:
                lines.append(f"  {outcome}: {len(more)} more")
    listed = ", ".join(f"{name} {count}" for name, count in sorted(ignored.items()))
    lines.append(f"not compared, and in how many files: {listed or '-'}")
    return counts, lines


def _files(folder: Path) -> set[Path]:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    patterns = ("*.safetensors", "*.parquet", "*.json")
    found = {path.relative_to(folder) for pattern in patterns for path in folder.rglob(pattern)}
    record = Path(paths.PROVENANCE).name
    return {p for p in found if _FOLDERS.isdisjoint(p.parts) and p.name != record}


def _kind(path: Path) -> str:
    if path.parts[0] != _STUDIES:
        return path.parts[0]
    return "figures" if path.parent.name == _FIGURES else "tables"


def _difference(a: Path, b: Path, tolerance: float, ignored: Counter[str]) -> str:
    """Return the first difference in words, an empty text if there is none."""
    if a.samefile(b):
        return ""
    if a.suffix == ".safetensors":
        if filecmp.cmp(a, b, shallow=False):
            return ""
        # A mask's metadata are part of it; of other tensors they say what made them.
        if "masks" not in a.parts and _tensors(a) == _tensors(b):
            return ""
        return "bytes differ"
    one, other = _read(a), _read(b)
    ignored.update(_IGNORED & one.keys() & other.keys())
    ignored.update(f"{name} (only in A)" for name in one.keys() - other.keys())
    ignored.update(f"{name} (only in B)" for name in other.keys() - one.keys())
    for name in one:
        if name in _IGNORED or name not in other:
            continue
        x, y = one[name], other[name]
        if len(x) != len(y):
            return f"{len(x)} rows | {len(y)} rows"
        if isinstance(x, pa.ChunkedArray):
            if x.equals(y):
                continue
            x, y = x.to_pylist(), y.to_pylist()
        for row, (left, right) in enumerate(zip(x, y, strict=True)):
            if not _same(left, right, tolerance):
                return f"row {row}, column {name}: {left!r} | {right!r}"
    return ""


def _tensors(path: Path) -> tuple[dict[str, Any], bytes]:
    """Return a safetensors file's header without metadata, and a digest of its tensors."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        header.pop("__metadata__", None)
        return header, hashlib.file_digest(file, "sha256").digest()


def _read(path: Path) -> Mapping[str, Any]:
    """Return the columns of a table; those of a JSON document have one row."""
    try:
        if path.suffix == ".json":
            document = json.loads(path.read_text(encoding="utf-8"))
            return {key: [value] for key, value in dict(document).items()}
        table = pq.read_table(path)
    except (OSError, ValueError, TypeError, pa.ArrowException) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None
    return dict(zip(table.column_names, table.columns, strict=True))


def _same(x: Any, y: Any, tolerance: float) -> bool:
    if isinstance(x, dict) and isinstance(y, dict):
        return all(_same(x[key], y[key], tolerance) for key in x.keys() & y.keys())
    if isinstance(x, list) and isinstance(y, list):
        return len(x) == len(y) and all(map(_same, x, y, [tolerance] * len(x)))
    if isinstance(x, float) and isinstance(y, float):
        near = abs(x - y) <= tolerance * max(1.0, abs(x), abs(y))
        return x == y or near or (math.isnan(x) and math.isnan(y))
    return bool(x == y)


def main() -> None:
    """Compare from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m essential_sparsity.compare_results", description=__doc__
    )
    parser.add_argument("a", type=Path, metavar="A", help="a results folder")
    parser.add_argument("b", type=Path, metavar="B", help="another one")
    words = "difference of floats that counts as none, relative, absolute below 1 (other machines)"
    parser.add_argument("--tolerance", type=float, default=0.0, metavar="T", help=words)
    arguments = parser.parse_args()
    counts, lines = compare_results(arguments.a, arguments.b, arguments.tolerance)
    print("\n".join(lines))
    sys.exit(1 if counts["differ"] else 0)


if __name__ == "__main__":
    run_stage(main)
