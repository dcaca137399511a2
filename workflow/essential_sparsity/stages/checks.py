"""How artifacts are checked: every byte is read and held against what was written down of it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from essential_sparsity.checkpoints.manifest import load_manifest
from essential_sparsity.masks.mask import REMEDY as MASK_REMEDY
from essential_sparsity.masks.mask import Mask, load_header
from essential_sparsity.support.errors import UserError, one_line
from essential_sparsity.support.files import REMEDY, check_seal, read_json, sha256_of
from essential_sparsity.support.tables import origin_of, read_table
from essential_sparsity.tasks.manifest import load_task


@dataclass(frozen=True)
class Finding:
    """A file that is not to be used, `path` below the results, and what is wrong with it."""

    path: Path
    what: str


def check_checkpoint(root: Path, files: tuple[Path, ...]) -> Iterator[Finding]:
    """Check a checkpoint's folder by its manifest."""
    yield from _listed(root, files[0], lambda path: load_manifest(path.parent, verify=False).files)


def check_task(root: Path, files: tuple[Path, ...]) -> Iterator[Finding]:
    """Check the folder of a task's data by its manifest."""
    yield from _listed(root, files[0], lambda path: load_task(path.parent, verify=False).files)


def check_figure(root: Path, files: tuple[Path, ...]) -> Iterator[Finding]:
    """Check a figure's pictures, those that are there, by what its data say of them."""

    def drawn(data: Path) -> dict[str, str]:
        recorded = origin_of(read_table(data, set())).get("files", {})
        return {name: d for name, d in recorded.items() if data.with_name(name).exists()}

    for file in files:
        if file.suffix == ".parquet":
            yield from _listed(root, file, drawn)


def _listed(root: Path, record: Path, load: Callable[[Path], dict[str, str]]) -> Iterator[Finding]:
    """Check the files beside a record, from which `load` gets their names and digests."""
    try:
        recorded = load(root / record)
    except UserError as error:
        yield _finding(root, record, error)
        return
    for name, digest in recorded.items():
        path = record.with_name(name)
        if not (root / path).is_file():
            yield Finding(path, f"missing, though {record.name} lists it")
        elif sha256_of(root / path) != digest:
            yield Finding(path, f"damaged: its sha256 is not the one that {record.name} says")


def check_mask(root: Path, files: tuple[Path, ...]) -> Iterator[Finding]:
    """Check a mask by its manifest; without one, its counts are all that there is to go by."""
    manifest = tuple(file for file in files if file.suffix == ".json")
    damaged = list(check_files(root, manifest))
    yield from damaged
    if not damaged:
        masks = (file for file in files if file not in manifest)
        yield from _read_by(load_header if manifest else Mask.load, root, masks)


def check_files(root: Path, files: tuple[Path, ...]) -> Iterator[Finding]:
    """Check each file by its seal; without one, what can be read passes. Others are not read."""
    yield from _read_by(_read, root, files)


def _read_by(
    read: Callable[[Path], object], root: Path, files: Iterable[Path]
) -> Iterator[Finding]:
    for file in files:
        try:
            read(root / file)
        except UserError as error:
            yield _finding(root, file, error)


def _read(path: Path) -> None:
    if path.suffix == ".json":
        read_json(path, "JSON file")
    if path.suffix not in (".parquet", ".safetensors"):
        return
    try:
        if check_seal(path):
            return
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    if path.suffix == ".parquet":
        read_table(path, set())
        return
    try:
        with safe_open(path, framework="numpy") as file:
            file.keys()
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a whole safetensors file ({error})") from None


def _finding(root: Path, file: Path, error: UserError) -> Finding:
    """Return what a reader said, without the remedy, and without the path if it is the file's."""
    text = one_line(error).removeprefix(f"{root / file}: ")
    for remedy in (MASK_REMEDY, REMEDY):
        text = text.removesuffix(f"; {remedy}")
    return Finding(file, text)
