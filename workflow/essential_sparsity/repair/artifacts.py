"""The artifacts that lie below a results folder: found by their paths, checked byte by byte."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from safetensors import SafetensorError, safe_open

from essential_sparsity.checkpoints.manifest import load_manifest
from essential_sparsity.figures.kinds import FIGURE_KINDS
from essential_sparsity.masks.header import REMEDY as MASK_REMEDY
from essential_sparsity.masks.mask import Mask, load_header
from essential_sparsity.stages import paths
from essential_sparsity.support.errors import UserError, one_line
from essential_sparsity.support.files import read_json, sha256_of
from essential_sparsity.support.seal import REMEDY, check_seal
from essential_sparsity.support.tables import read_origin, read_table
from essential_sparsity.tasks.manifest import load_task

_PICTURES = ("png", "pdf")


@dataclass(frozen=True)
class Finding:
    """A file that is not to be used, `path` below the results, and what is wrong with it."""

    path: Path
    what: str


@dataclass(frozen=True)
class Artifact:
    """One artifact, or several that one job writes and that are of use together only.

    Attributes:
        names: the parts of its path, by what they are called in `paths`.
        files: all that lies there of it, relative to the results.
    """

    kind: "Kind"
    names: dict[str, str]
    files: tuple[Path, ...]

    def findings(self, root: Path) -> list[Finding]:
        """Read all of the artifact below `root`; return what is damaged, in the files' order."""
        return list(self.kind.check(root, self.files))

    @property
    def target(self) -> str:
        """The path by which the workflow is asked to make it."""
        return self.kind.patterns[0].format(**self.names)

    def removed(self) -> tuple[Path, ...]:
        """Return what is deleted where a part is damaged."""
        return (self.files[0].parent,) if self.kind.whole_folder else self.files


@dataclass(frozen=True)
class Kind:
    """A kind of artifact: the patterns of its files, the one that makes it one first.

    `level` orders what is made again: a kind's jobs read files of lower levels and their own.
    """

    patterns: tuple[str, ...]
    level: int
    check: Callable[[Path, tuple[Path, ...]], Iterator[Finding]]
    whole_folder: bool = False
    matches: tuple["re.Pattern[str]", ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "matches", tuple(map(_regular, self.patterns)))

    def found(self, root: Path) -> Iterator[Artifact]:
        """Yield the artifacts of this kind below `root`, by path."""
        seen: set[tuple[str, ...]] = set()
        for pattern, expression in zip(self.patterns, self.matches, strict=True):
            for path in sorted(root.glob(re.sub(r"{\w+}", "*", pattern))):
                match = expression.fullmatch(path.relative_to(root).as_posix())
                if match is None or (place := tuple(match.groups())) in seen:
                    continue
                seen.add(place)
                files = (Path(p.format(**match.groupdict())) for p in self.patterns)
                there = tuple(file for file in files if (root / file).is_file())
                if there:
                    yield Artifact(self, match.groupdict(), there)


def artifacts(root: Path) -> list[Artifact]:
    """Return all that lies below `root`, in the order in which it is made."""
    found: dict[Path, Artifact] = {}
    for kind in KINDS:
        for artifact in kind.found(root):
            # A table's pattern fits a figure's data as well.
            if artifact.files[0] not in found:
                found |= dict.fromkeys(artifact.files, artifact)
    return list({id(artifact): artifact for artifact in found.values()}.values())


def _regular(pattern: str) -> "re.Pattern[str]":
    parts = re.split(r"{(\w+)}", pattern)
    named = (f"(?P<{p}>[^/.][^/]*)" if n % 2 else re.escape(p) for n, p in enumerate(parts))
    return re.compile("".join(named))


def _checkpoint(root: Path, files: tuple[Path, ...]) -> Iterator[Finding]:
    yield from _folder(root, files[0], lambda folder: load_manifest(folder, verify=False).files)


def _task(root: Path, files: tuple[Path, ...]) -> Iterator[Finding]:
    yield from _folder(root, files[0], lambda folder: load_task(folder, verify=False).files)


def _folder(
    root: Path, manifest: Path, load: Callable[[Path], dict[str, str]]
) -> Iterator[Finding]:
    """Yield the files that differ from what their folder's manifest says, or what ails that."""
    try:
        recorded = load(root / manifest.parent)
    except UserError as error:
        yield _finding(root, manifest, error)
        return
    for name, digest in recorded.items():
        path = manifest.parent / name
        if not (root / path).is_file():
            yield Finding(path, f"missing, though {manifest.name} lists it")
        elif sha256_of(root / path) != digest:
            yield Finding(path, f"damaged: its sha256 is not the one that {manifest.name} says")


def _mask(root: Path, files: tuple[Path, ...]) -> Iterator[Finding]:
    manifest = [file for file in files if file.suffix == ".json"]
    damaged = list(_single(root, tuple(manifest)))
    yield from damaged
    for file in files:
        if file not in manifest and not damaged:
            try:
                # Without a manifest, counts are all that there is to go by.
                (load_header if manifest else Mask.load)(root / file)
            except UserError as error:
                yield _finding(root, file, error)


def _single(root: Path, files: tuple[Path, ...]) -> Iterator[Finding]:
    for file in files:
        try:
            _READERS[file.suffix](root / file)
        except UserError as error:
            yield _finding(root, file, error)


def _figure(root: Path, files: tuple[Path, ...]) -> Iterator[Finding]:
    data = next((file for file in files if file.suffix == ".parquet"), None)
    if data is None:
        return
    damaged = list(_single(root, (data,)))
    yield from damaged
    if damaged:
        return
    recorded = read_origin(root / data).get("files", {})
    yield from (
        Finding(file, f"damaged: its sha256 is not the one that {data.name} says")
        for file in files
        if file.name in recorded and sha256_of(root / file) != recorded[file.name]
    )


def _table(path: Path) -> None:
    # A seal says all; without one, as tables were before, what can be read passes.
    if not _sealed(path):
        read_table(path, set())


def _document(path: Path) -> None:
    read_json(path, "JSON file")


def _tensors(path: Path) -> None:
    if _sealed(path):
        return
    try:
        with safe_open(path, framework="numpy") as file:
            file.keys()
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a whole safetensors file ({error})") from None


def _sealed(path: Path) -> bool:
    try:
        return check_seal(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None


_READERS = {".parquet": _table, ".json": _document, ".safetensors": _tensors}


def _finding(root: Path, file: Path, error: UserError) -> Finding:
    """Return what a reader said, without the remedy, and without the path if it is the file's."""
    text = one_line(error).removeprefix(f"{root / file}: ")
    for remedy in (MASK_REMEDY, REMEDY):
        text = text.removesuffix(f"; {remedy}")
    return Finding(file, text)


CHECKPOINTS = Kind((paths.CHECKPOINT_MANIFEST,), 0, _checkpoint, whole_folder=True)
TASKS = Kind((paths.TASK_MANIFEST,), 1, _task, whole_folder=True)
HISTOGRAMS = Kind((paths.HISTOGRAM,), 1, _single)
REWINDS = Kind((paths.REWIND,), 3, _single)
MASKS = Kind((paths.MASK, paths.MASK_MANIFEST), 4, _mask)
TRAININGS = Kind((paths.TRAINING_METRICS, paths.HEAD), 4, _single)
MEASUREMENTS = tuple(
    Kind((paths.MEASUREMENT.replace("{measurement}", kind.name),), 5, _single)
    for kind in FIGURE_KINDS.values()
    if kind.measurement
)
RUNS = Kind((paths.METRICS, paths.PREDICTIONS, paths.MOVEMENT), 5, _single)
ROUNDS = Kind((paths.SEARCH_ROUND,), 6, _single)
TABLES = Kind((paths.TABLE,), 6, _single)
FIGURES = Kind(
    tuple(paths.FIGURE.replace("{format}", end) for end in ("parquet", *_PICTURES)), 7, _figure
)
STUDY_TABLES = tuple(
    Kind((path,), 7, _single)
    for path in (paths.ALL_RUNS, paths.ALL_PREDICTIONS, paths.CLAIMS, paths.PROVENANCE)
)
KINDS = (
    CHECKPOINTS, TASKS, HISTOGRAMS, REWINDS, MASKS, TRAININGS, *MEASUREMENTS, RUNS, ROUNDS, FIGURES,
    TABLES, *STUDY_TABLES,
)  # fmt: skip
