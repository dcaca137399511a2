"""How artifacts are checked: every byte is read and held against what was written down of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from essential_sparsity.checkpoints.manifest import load_manifest
from essential_sparsity.masks.mask import REMEDY as MASK_REMEDY
from essential_sparsity.masks.mask import Mask, load_header
from essential_sparsity.support.errors import UserError, one_line
from essential_sparsity.support.files import REMEDY, check_seal, read_json, sha256_of
from essential_sparsity.support.tables import read_origin, read_table
from essential_sparsity.tasks.manifest import load_task


@dataclass(frozen=True)
class Finding:
    """A file that is not to be used, `path` below the results, and what is wrong with it."""

    path: Path
    what: str


def check_checkpoint(root: Path, files: tuple[Path, ...]) -> Iterator[Finding]:
    """Check a checkpoint's folder by its manifest."""
    yield from _folder(root, files[0], lambda folder: load_manifest(folder, verify=False).files)


def check_task(root: Path, files: tuple[Path, ...]) -> Iterator[Finding]:
    """Check the folder of a task's data by its manifest."""
    yield from _folder(root, files[0], lambda folder: load_task(folder, verify=False).files)


def check_mask(root: Path, files: tuple[Path, ...]) -> Iterator[Finding]:
    """Check a mask by its manifest; without one, its counts are all that there is to go by."""
    manifest = [file for file in files if file.suffix == ".json"]
    damaged = list(check_files(root, tuple(manifest)))
    yield from damaged
    for file in files:
        if file not in manifest and not damaged:
            try:
                (load_header if manifest else Mask.load)(root / file)
            except UserError as error:
                yield _finding(root, file, error)


def check_figure(root: Path, files: tuple[Path, ...]) -> Iterator[Finding]:
    """Check a figure's pictures by what its data say of them."""
    data = next((file for file in files if file.suffix == ".parquet"), None)
    if data is None:
        return
    damaged = list(check_files(root, (data,)))
    yield from damaged
    if damaged:
        return
    recorded = read_origin(root / data).get("files", {})
    yield from (
        Finding(file, f"damaged: its sha256 is not the one that {data.name} says")
        for file in files
        if file.name in recorded and sha256_of(root / file) != recorded[file.name]
    )


def check_files(root: Path, files: tuple[Path, ...]) -> Iterator[Finding]:
    """Check each file by its seal; without one, what can be read passes. Others are not read."""
    for file in files:
        try:
            if file.suffix in _READERS:
                _READERS[file.suffix](root / file)
        except UserError as error:
            yield _finding(root, file, error)


def _folder(
    root: Path, manifest: Path, load: Callable[[Path], dict[str, str]]
) -> Iterator[Finding]:
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


def _table(path: Path) -> None:
    if not _sealed(path):
        read_table(path, set())


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


_READERS: dict[str, Callable[[Path], object]] = {
    ".parquet": _table,
    ".json": lambda path: read_json(path, "JSON file"),
    ".safetensors": _tensors,
}


def _finding(root: Path, file: Path, error: UserError) -> Finding:
    """Return what a reader said, without the remedy, and without the path if it is the file's."""
    text = one_line(error).removeprefix(f"{root / file}: ")
    for remedy in (MASK_REMEDY, REMEDY):
        text = text.removesuffix(f"; {remedy}")
    return Finding(file, text)
