"""The bundle's file: a compressed tar archive that begins with its manifest."""

import gzip
import hashlib
import io
import json
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import Field

from essential_sparsity.bundle.contents import PROJECT, RESULTS
from essential_sparsity.checkpoints.spec import Sha256
from essential_sparsity.errors import UserError
from essential_sparsity.files import atomic_path, sha256_of
from essential_sparsity.spec import Spec

MANIFEST = "bundle.json"
_LARGEST_MANIFEST = 64 * 2**20


class BundleManifest(Spec):
    """`bundle.json`: whose results a bundle holds, and the SHA-256 of each of its files."""

    format_version: Literal[1]
    study: str
    study_file: str = Field(description="relative to the project")
    files: dict[str, Sha256] = Field(min_length=1)


def write_bundle(path: Path, study: str, study_file: str, files: Mapping[str, Path]) -> None:
    """Write a bundle; equal contents make equal bytes.

    Args:
        path: the bundle.
        study: the study's name.
        study_file: its file, relative to the project.
        files: name in the bundle → file.
    """
    manifest = BundleManifest(
        format_version=1,
        study=study,
        study_file=study_file,
        files={name: sha256_of(files[name]) for name in sorted(files)},
    )
    text = json.dumps(manifest.model_dump(), indent=1, ensure_ascii=False) + "\n"
    with (
        atomic_path(path) as temporary,
        temporary.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        archive.addfile(_member(MANIFEST, len(text.encode())), io.BytesIO(text.encode()))
        for name in sorted(files):
            with files[name].open("rb") as file:
                archive.addfile(_member(name, files[name].stat().st_size), file)


def _member(name: str, size: int) -> tarfile.TarInfo:
    # No owner and no time: they are a machine's matter.
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o644
    return member


def unpack_bundle(path: Path, root: Path, results: Path) -> BundleManifest:
    """Check all of a bundle, then put its files in their places; return its manifest.

    A file that is there already must be the same.

    Raises:
        UserError: the file is no bundle or is damaged, a name in it leads elsewhere, or it would
            replace another file.
    """
    root.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=root, prefix=".bundle.", suffix=".part"))
    try:
        manifest = _extract(path, scratch)
        places = {name: _place(path, name, root, results) for name in manifest.files}
        for name, place in places.items():
            if place.exists() and sha256_of(place) != manifest.files[name]:
                raise UserError(
                    f"{place}: another file than {path} would put there; move it away, or unpack "
                    "into a fresh clone"
                )
        for name, place in places.items():
            if not place.exists():
                with atomic_path(place) as temporary:
                    shutil.copyfile(scratch / manifest.files[name], temporary)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return manifest


def _extract(path: Path, scratch: Path) -> BundleManifest:
    """Write the files of a bundle to `scratch`, each under its checksum; return the manifest."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            first = archive.next()
            if first is None or first.name != MANIFEST or first.size > _LARGEST_MANIFEST:
                raise UserError(f"{path}: no bundle: it does not begin with {MANIFEST}")
            text = _open(archive, first, path).read()
            manifest = BundleManifest.check(json.loads(text), f"{path}: {MANIFEST}")
            left = dict(manifest.files)
            while (member := archive.next()) is not None:
                expected = left.pop(member.name, None)
                if expected is None:
                    raise UserError(f"{path}: {member.name}: not in {MANIFEST}, or there twice")
                _copy(_open(archive, member, path), scratch / expected, expected, path, member.name)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, UnicodeDecodeError, ValueError) as error:
        raise UserError(f"{path}: no bundle, or damaged: {error}") from None
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; a bundle was expected there") from None
    if left:
        raise UserError(f"{path}: damaged: {next(iter(left))} is missing, of {MANIFEST}")
    return manifest


def _open(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> io.BufferedReader:
    """Open a regular file of the archive: a link or a device is none of a bundle's."""
    if not member.isreg():
        raise UserError(f"{path}: {member.name}: a link or device; a bundle holds files alone")
    file = archive.extractfile(member)
    assert file is not None  # as it is a regular one
    return file  # type: ignore[return-value]


def _copy(source: io.BufferedReader, target: Path, expected: str, path: Path, name: str) -> None:
    digest = hashlib.sha256()
    with target.open("wb") as file:
        while block := source.read(2**20):
            digest.update(block)
            file.write(block)
    if digest.hexdigest() != expected:
        raise UserError(f"{path}: {name}: damaged: its sha256 is not the one in {MANIFEST}")


def _place(path: Path, name: str, root: Path, results: Path) -> Path:
    """Return where a file belongs.

    Raises:
        UserError: not below the results or the project, or not a file that a bundle may hold.
    """
    parts = PurePosixPath(name).parts
    folders = {RESULTS: results, PROJECT: root}
    plain = len(parts) > 1 and parts[0] in folders and ".." not in parts and "\\" not in name
    # Of a project a bundle brings data: never code, nor what make or git would run.
    data = parts[:1] == (RESULTS,) or (parts[-1:] and parts[-1].endswith((".yaml", ".yml")))
    if not plain or not data or any(part.startswith(".") for part in parts):
        raise UserError(f"{path}: {name!r}: no place for a file of a bundle")
    place = folders[parts[0]].joinpath(*parts[1:])
    if not place.resolve().is_relative_to(folders[parts[0]].resolve()):
        raise UserError(f"{path}: {name!r}: leads out of {folders[parts[0]]} by a link there")
    return place
